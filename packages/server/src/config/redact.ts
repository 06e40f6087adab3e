/** Keeps secrets out of whatever is printed: settings, errors, logs, the banner. */

export const REDACTED = "[redacted]";

/** Shapes of keys that are in common use, for places where nobody said that a text is a secret. */
const KEY_SHAPE = /\b(?:sk|pk|tk|rk|gsk|hf|ghp|gho|xai|xox[a-z])[-_](?=[\w-]*\d)[\w-]{16,}/g;

/** Up to the last @: in a password that is not encoded as it should be, anything may stand. */
const REDIS_CREDENTIALS = /\b(rediss?:\/\/)[^\s"']*@/gi;

const URL_CREDENTIALS = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'@]+(?:@[^\s/?#"'@]*)*@/gi;

const SECRET_PARAMETER =
  /([?&;](?:[a-z0-9_-]*(?:key|token|secret|password|signature|sig|auth))=)[^\s&;#"']+/gi;

/** A text without credentials in URLs, secret query parameters, anything that looks like a key, and the given secrets. */
export function redactText(text: string, secrets: readonly string[] = []): string {
  let redacted = text;
  for (const form of secrets.flatMap(formsOf).sort((left, right) => right.length - left.length)) {
    redacted = redacted.replaceAll(form, REDACTED);
  }
  return redacted
    .replace(REDIS_CREDENTIALS, `$1${REDACTED}@`)
    .replace(URL_CREDENTIALS, `$1${REDACTED}@`)
    .replace(SECRET_PARAMETER, `$1${REDACTED}`)
    .replace(KEY_SHAPE, REDACTED);
}

/** As it is and as JSON writes it. A very short secret would be found everywhere. */
function formsOf(secret: string): string[] {
  return secret.length > 3 ? [secret, JSON.stringify(secret).slice(1, -1)] : [];
}
