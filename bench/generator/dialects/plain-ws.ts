import type { Dialect, JoinAsk } from "../dialect.ts";

/** There is nothing to resume with: who comes back only hears what comes next. */
export function plainWsDialect(): Dialect {
  const join = ({ channel, open }: JoinAsk) => open(channel === undefined ? "/" : `/?channel=${channel}`);
  return {
    canResume: false,
    join,
    rejoin: join,
    look: () => true,
    publishText: (channel, text) => JSON.stringify({ type: "publish", channel, data: { text } }),
    runText: (run) => JSON.stringify({ type: "run", ...run }),
  };
}
