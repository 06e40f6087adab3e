import { z } from "zod";
import { integer, withDefault } from "../setting.ts";

const MAX = 1_000_000;

export const limitsSection = z.strictObject({
  maxConnections: withDefault(
    10_000,
    integer({ min: 1, max: MAX, description: "Connections of this server, of all clients together." }),
  ),
  maxRunningExecutions: withDefault(
    1000,
    integer({ min: 1, max: MAX, description: "Executions that run at the same time on this server." }),
  ),
  maxExecutionsPerChannel: withDefault(
    16,
    integer({ min: 1, max: MAX, description: "Executions that run at the same time on one channel." }),
  ),
  maxExecutionsPerConnection: withDefault(
    16,
    integer({
      min: 1,
      max: MAX,
      description: "Executions that run at the same time and were started by one connection.",
    }),
  ),
  maxWaitingInputs: withDefault(
    64,
    integer({ min: 1, max: MAX, description: "Inputs that wait for one execution to take them." }),
  ),
});
