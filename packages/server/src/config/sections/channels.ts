import { z } from "zod";
import { boolean, duration, integer, withDefault } from "../setting.ts";

export const channelSettings = z.strictObject({
  history: z
    .strictObject({
      records: withDefault(
        10_000,
        integer({ min: 1, max: 100_000_000, unit: "records", description: "Records that a channel keeps." }),
      ),
      bytes: withDefault(
        64 * 1024 * 1024,
        integer({ min: 1024, max: 2 ** 40, unit: "bytes", description: "Bytes that a channel keeps." }),
      ),
      ttl: withDefault(
        24 * 3600,
        duration({
          minSecs: 1,
          maxSecs: 3650 * 86_400,
          description: "Age up to which a channel keeps a record.",
        }),
      ),
    })
    .prefault({}),
  presence: withDefault(false, boolean({ description: "Tells subscribers who else is there." })),
  maxRecordBytes: withDefault(
    1024 * 1024,
    integer({
      min: 256,
      max: 256 * 1024 * 1024,
      unit: "bytes",
      description: "Largest record that a channel accepts.",
    }),
  ),
});
