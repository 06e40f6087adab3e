import { type Judgement, problem } from "../finding.ts";

/** Why a Redis cannot be reached, and what to do: from what the system, TLS or Redis itself says. */
export function connectFault(cause: unknown, isTls: boolean): Judgement {
  const code = codeOf(cause);
  const text = cause instanceof Error ? cause.message : String(cause);
  if (code !== undefined) return faultOfCode(code, isTls);
  if (/^(WRONGPASS|NOAUTH)/.test(text)) {
    return problem(
      "it does not accept the user or the password",
      "set the user in database.url, and database.password_file or password_env",
    );
  }
  if (/AUTH .*called without any password/.test(text)) {
    return problem(
      "it has no password, and database gives it one",
      "set requirepass in Redis, or remove the password",
    );
  }
  if (/^NOPERM/.test(text))
    return problem("its user may not even connect", "give it the commands of docs/redis.md");
  if (/DB index/.test(text))
    return problem("it has no database of that number", "change what follows the host in database.url");
  if (/^(LOADING|MASTERDOWN)/.test(text))
    return problem(`it cannot serve yet: ${text}`, "wait, and look at its log");
  if (/max number of clients/.test(text))
    return problem("it has all the clients that it allows", "raise maxclients");
  if (/timeout|in time/i.test(text)) {
    return problem(
      "it does not answer",
      isTls ? "does it speak TLS there?" : "is it busy or stopped? look at its log",
    );
  }
  if (/[Ss]ocket closed|hung up/.test(text)) {
    return problem(
      "it ended the connection",
      isTls ? "does it speak TLS there?" : "if it speaks TLS, use rediss://",
    );
  }
  return problem(`it cannot be used: ${text}`, "look at the log of Redis");
}

function faultOfCode(code: string, isTls: boolean): Judgement {
  switch (code) {
    case "ECONNREFUSED":
      return problem("nothing listens there", "is Redis running? does database.url name its host and port?");
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return problem(
        "the name of its host is not known",
        "check the host in database.url, and the name service",
      );
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return problem(
        "it does not answer",
        "is there a firewall in between? does Redis listen on that address?",
      );
    case "ERR_SSL_WRONG_VERSION_NUMBER":
      return problem("it does not speak TLS there", "use redis:// instead of rediss://, or its TLS port");
    case "ECONNRESET":
      return problem(
        "it cut the connection",
        isTls ? "does it speak TLS there?" : "if it speaks TLS, use rediss://",
      );
    default:
      return /CERT|SIGNATURE|ALTNAME|ISSUER/.test(code)
        ? problem(
            `its certificate is not trusted (${code})`,
            "trust its authority with NODE_EXTRA_CA_CERTS=/path/ca.pem, and use the name that is in the certificate",
          )
        : problem(`it cannot be reached (${code})`, "check database.url");
  }
}

function codeOf(cause: unknown): string | undefined {
  if (typeof cause !== "object" || cause === null) return undefined;
  // Several addresses of one name were tried, and each of them failed.
  if (cause instanceof AggregateError && cause.errors.length > 0) return codeOf(cause.errors[0]);
  return "code" in cause && typeof cause.code === "string" ? cause.code : undefined;
}
