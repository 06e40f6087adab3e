import { MAX_TOKEN_CHARS } from "@tachikoma/protocol";
import { z } from "zod";
import { originFault } from "../address.ts";
import { list, optional, text } from "../setting.ts";

/** The three ways to give a key; one of them at most. */
export const apiKeySettings = (purpose: string) => ({
  apiKey: optional(text({ maxChars: MAX_TOKEN_CHARS, isSecret: true, description: `${purpose}` })),
  apiKeyEnv: optional(
    text({
      maxChars: 255,
      form: "name of an environment variable",
      fault: (name) =>
        /^[A-Za-z_]\w*$/.test(name) ? undefined : "must be the name of an environment variable",
      description: "Environment variable that holds the key, instead of `api_key`.",
    }),
  ),
  apiKeyFile: optional(
    text({
      form: "path",
      description: "File that holds the key, instead of `api_key`. White space around the key is ignored.",
    }),
  ),
});

export const securitySection = z.strictObject({
  ...apiKeySettings(
    "Key that every client must present. Whoever holds it is trusted with all channels. Without a key there is no authentication, and the server listens on loopback only. `tachikoma token` makes one.",
  ),
  allowedOrigins: optional(
    list({
      maxItems: 1000,
      itemForm: "origin such as `https://app.example.com`",
      fault: originFault,
      description:
        "Web pages that may connect, compared exactly. Without it: pages that this server itself serves, and clients that are no browser.",
    }),
  ),
});
