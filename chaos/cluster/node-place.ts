/**
 * One place of a cluster where a node runs, dies and is started again. Clients reach it at its `entry`, and it reaches Redis
 * through its `storeLink`: two proxies that outlive every process, so that nobody has to know where the node listens now.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { RunningProcess } from "../../e2e/support/running-process.ts";
import { type JournalRecord, readJournal } from "../node/journal.ts";
import type { NodeConfig, NodeOrder } from "../node/node-config.ts";
import type { FaultProxy } from "../proxy/fault-proxy.ts";
import { type NodeProgramName, nodeProgram, started } from "./node-program.ts";
import { processErrors } from "./process-errors.ts";

const STOP_TIMEOUT_MS = 20_000;
const MAX_STARTS = 20;
const RESTART_PAUSE_MS = 200;

/** What a process leaves behind that has ended, or had to. */
export interface EndedLife {
  readonly life: string;
  readonly endedAtMs: number;
}

export interface NodePlaceOptions {
  /** `node-1` */
  readonly name: string;
  readonly folder: string;
  readonly entry: FaultProxy;
  readonly storeLink: FaultProxy | undefined;
  readonly program: NodeProgramName;
  readonly config: Omit<NodeConfig, "journalPath" | "life">;
  /** Flags of Node, such as a limit of its heap. */
  readonly nodeFlags?: readonly string[];
  /** A program that runs Node in its turn, such as `prlimit`, with its arguments. */
  readonly wrapper?: readonly string[];
  readonly nowMs: () => number;
}

export class NodePlace {
  readonly name: string;
  readonly entry: FaultProxy;
  readonly storeLink: FaultProxy | undefined;
  readonly endedLives: EndedLife[] = [];
  /** Of all its processes. */
  readonly outputs: string[] = [];
  readonly #options: NodePlaceOptions;
  #process: RunningProcess | undefined;
  #lifeCount = 0;
  #port: number | undefined;
  #isPaused = false;
  #orderCount = 0;
  #starting: Promise<void> | undefined;
  /** It has been told to end, or was killed: not coming back by itself is no fault. */
  #isEnding = false;
  readonly #errors: { readonly life: string; readonly text: string }[] = [];

  constructor(options: NodePlaceOptions) {
    this.#options = options;
    this.name = options.name;
    this.entry = options.entry;
    this.storeLink = options.storeLink;
  }

  get isUp(): boolean {
    return this.#process !== undefined && !this.#process.hasEnded;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get life(): string {
    return `${this.name}.${this.#lifeCount}`;
  }

  /** Of the node itself, past its entry. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Where its store cannot be reached, it is started again and again, as it would be by whoever watches over it. */
  start(): Promise<void> {
    // Two faults at once may both bring it back.
    this.#starting ??= this.#startAgain().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  async #startAgain(): Promise<void> {
    for (let triesLeft = MAX_STARTS - 1; ; triesLeft -= 1) {
      const refusal = await this.startOnce();
      if (refusal === undefined) return;
      if (triesLeft === 0) throw new Error(`${this.name} did not start ${MAX_STARTS} times: ${refusal}`);
      await new Promise((resolve) => setTimeout(resolve, RESTART_PAUSE_MS));
    }
  }

  /** Why it did not start; `undefined` when it runs. */
  async startOnce(): Promise<string | undefined> {
    if (this.isUp) return undefined;
    if (this.#process !== undefined) this.#ended();
    this.#lifeCount += 1;
    this.#isEnding = false;
    const process_ = this.#spawn();
    this.#process = process_;
    const outcome = await started(process_);
    if (typeof outcome === "string") {
      this.#process = undefined;
      return outcome;
    }
    this.#port = outcome;
    this.entry.targetPort = outcome;
    return undefined;
  }

  #spawn(): RunningProcess {
    const { config, folder, program, nodeFlags = [], wrapper = [] } = this.#options;
    const journalPath = this.#journalPath(this.#lifeCount);
    const { argv, env } = nodeProgram(program, { ...config, life: this.life, journalPath });
    const options = { cwd: folder, env };
    const [outer, ...before] = wrapper;
    if (outer === undefined) return new RunningProcess([...nodeFlags, ...argv], options);
    const inner = [...before, process.execPath, ...nodeFlags, ...argv];
    return new RunningProcess(inner, { ...options, program: outer });
  }

  /** Resolves when it has done it, or has ended meanwhile. */
  async tell(order: NodeOrder): Promise<void> {
    const process_ = this.#process;
    if (process_ === undefined) return;
    this.#orderCount += 1;
    const number = this.#orderCount;
    process_.tell(JSON.stringify({ ...order, number }));
    await process_.matched(new RegExp(`^obeyed ${number}$`, "m")).catch((cause: unknown) => {
      if (!process_.hasEnded) throw cause;
    });
  }

  async kill(): Promise<void> {
    this.#isEnding = true;
    await this.#process?.kill();
    this.#ended();
  }

  /** As an operator or a container runtime stops it. */
  async terminate(): Promise<void> {
    this.#isEnding = true;
    this.#process?.signal("SIGTERM");
    await this.stopped();
  }

  /** Waits for an end that was asked for. */
  async stopped(): Promise<void> {
    const end = await this.#process?.ended(STOP_TIMEOUT_MS);
    if (end !== undefined && end.code !== 0)
      this.#errors.push({
        life: this.life,
        text: `ended with ${end.code ?? end.signal} when it was stopped`,
      });
    this.#ended();
  }

  pause(): void {
    this.#isPaused = true;
    this.#process?.signal("SIGSTOP");
  }

  resume(): void {
    this.#isPaused = false;
    this.#process?.signal("SIGCONT");
  }

  /** What its processes wrote of what they did, in the order of its lives. */
  journals(): JournalRecord[] {
    return Array.from({ length: this.#lifeCount }, (_, index) => this.#journalPath(index + 1))
      .filter((path) => existsSync(path))
      .flatMap(readJournal);
  }

  /** Errors that nobody handled, of all its lives. */
  errors(): readonly { readonly life: string; readonly text: string }[] {
    this.#collectErrors();
    return this.#errors;
  }

  #ended(): void {
    if (this.#process === undefined) return;
    this.#collectErrors();
    this.outputs.push(this.#process.stdout, this.#process.stderr);
    this.endedLives.push({ life: this.life, endedAtMs: this.#options.nowMs() });
    this.entry.targetPort = undefined;
    this.#process = undefined;
    this.#isPaused = false;
  }

  #collectErrors(): void {
    const process_ = this.#process;
    if (process_ === undefined) return;
    const texts = processErrors(process_);
    if (process_.hasEnded && !this.#isEnding) texts.push("ended by itself");
    for (const text of texts) {
      if (!this.#errors.some((one) => one.life === this.life && one.text === text))
        this.#errors.push({ life: this.life, text });
    }
  }

  #journalPath(lifeNumber: number): string {
    return join(this.#options.folder, `${this.name}.${lifeNumber}.jsonl`);
  }
}
