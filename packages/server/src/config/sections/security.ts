import { MAX_TOKEN_CHARS } from "@tachikoma/protocol";
import { z } from "zod";
import { originFault } from "../address.ts";
import { list, optional, text } from "../setting.ts";
import { fileWith, variableWith } from "./secret.ts";

/** The three ways to give a key; one of them at most. */
export const apiKeySettings = (purpose: string) => ({
  apiKey: optional(text({ maxChars: MAX_TOKEN_CHARS, isSecret: true, description: `${purpose}` })),
  apiKeyEnv: variableWith("key", "api_key"),
  apiKeyFile: fileWith("key", "api_key"),
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
