import type { TokenRun } from "../paced-tokens.ts";
import type { Link } from "./link.ts";

/** What one viewer's conversation with one server needs. */
export interface Dialect {
  /** Whether what was missed is promised to come. */
  readonly canResume: boolean;
  /** Connects, and follows the channel where there is one. The link is still in set-up. */
  join(ask: JoinAsk): Promise<Link>;
  /** Connects again after a cut, saying what has been received. */
  rejoin(ask: JoinAsk): Promise<Link>;
  /** Looks at each text message beside its marks. False when the protocol's own numbering has a jump. */
  look(bytes: Buffer, start: number, end: number): boolean;
  publishText(channel: string, text: string): string;
  /** @param channel where the answer goes, for those that have channels for it */
  runText(run: TokenRun, channel?: string): string;
}

export interface JoinAsk {
  readonly viewerId: string;
  readonly channel: string | undefined;
  open(path: string): Promise<Link>;
}

/** One for each viewer: it remembers what a resume needs. */
export type MakeDialect = () => Dialect;
