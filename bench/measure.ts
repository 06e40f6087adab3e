import { Contender, type ContenderName } from "./contender.ts";
import type { Outcome, Work } from "./works/work.ts";

export interface MeasureOptions {
  readonly isUnpinned: boolean;
  readonly profileFolder: string | undefined;
}

/** One work, one contender, once: on a server that is started for it. */
export async function measure(work: Work, name: ContenderName, options: MeasureOptions): Promise<Outcome> {
  const contender = await Contender.start(name, {
    isPinned: !options.isUnpinned,
    profileFolder: options.profileFolder,
    settings: work.settings,
  });
  try {
    return await work.run(contender);
  } catch (cause) {
    return { figures: {}, faults: [cause instanceof Error ? cause.message : String(cause)] };
  } finally {
    await contender.dispose();
  }
}
