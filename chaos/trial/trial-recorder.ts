import { Recorder } from "../../sim/recorder.ts";
import { machineMs } from "../machine-clock.ts";

/** The newest acknowledged record of one channel. */
export interface AckedHead {
  readonly epoch: string;
  readonly seq: number;
}

type Written = Parameters<Recorder["write"]>[0];

/** Keeps count of what a fault waits for: a moment in the middle of the traffic. */
export class TrialRecorder extends Recorder {
  ackCount = 0;
  applyCount = 0;
  readonly ackedHeads = new Map<string, AckedHead>();

  constructor() {
    super(machineMs);
  }

  override write(record: Written): void {
    super.write(record);
    if (record.kind === "apply") this.applyCount += 1;
    if (record.kind !== "pub.ok") return;
    this.ackCount += 1;
    const { stream, epoch, seq } = record;
    const head = this.ackedHeads.get(stream);
    if (head === undefined || head.epoch !== epoch || head.seq < seq)
      this.ackedHeads.set(stream, { epoch, seq });
  }
}
