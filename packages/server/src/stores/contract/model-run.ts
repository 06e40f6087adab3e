import { ORIGIN_TAG, type Position } from "@tachikoma/protocol";
import { expect } from "vitest";
import type { AppendRequest, AppendResult, LogKey, Retention, Store } from "../store.ts";
import { NOW_MS, sweepAll } from "./contract-fixture.ts";
import type { AppendCommand, Command } from "./model-command.ts";
import { type ModelLog, ReferenceModel } from "./reference-model.ts";

const RETENTIONS: readonly Retention[] = [
  { maxRecords: 1000, maxBytes: 1_000_000, maxAgeMs: 1_000_000 },
  { maxRecords: 5, maxBytes: 1_000_000, maxAgeMs: 1_000_000 },
  { maxRecords: 1000, maxBytes: 300, maxAgeMs: 1_000_000 },
  { maxRecords: 1000, maxBytes: 1_000_000, maxAgeMs: 495 },
];
const IDLE_LOG_MS = 1995;
const IDEMPOTENCY_MS = 995;

/** What only the store decides about a log, learnt when it is first seen and checked from then on. */
interface Learnt {
  readonly epoch: string;
  readonly tags: string[];
  baseSeq: number;
}

/** One sequence of calls, made on a store and on the model. */
export class ModelRun {
  readonly #store: Store;
  readonly #slackRecords: number;
  /** Keeps the names of this sequence apart from those of others on the same store. */
  readonly #tenant: string;
  readonly #model = new ReferenceModel();
  readonly #learnt = new WeakMap<ModelLog, Learnt>();
  readonly #epochs = new Set<string>();
  #nowMs = NOW_MS;
  #lastToken = 0;
  #revision = 0;

  constructor(store: Store, slackRecords: number, tenant: string) {
    this.#tenant = tenant;
    this.#store = store;
    this.#slackRecords = slackRecords;
  }

  async execute(command: Command): Promise<void> {
    const { type } = command;
    switch (type) {
      case "append":
        return this.#append(command.appends);
      case "read":
        return this.#read(command);
      case "open":
        await this.#store.openLog(this.#keyOf(command.channel), this.#nowMs);
        this.#model.open(this.#keyOf(command.channel), this.#nowMs);
        return this.#checkLog(command.channel);
      case "delete":
        await this.#store.deleteLog(this.#keyOf(command.channel));
        this.#model.logs.delete(command.channel);
        return this.#checkLog(command.channel);
      case "sweep":
        await sweepAll(this.#store, this.#nowMs, { idleLogMs: IDLE_LOG_MS, idempotencyMs: IDEMPOTENCY_MS });
        this.#model.sweep(this.#nowMs, IDLE_LOG_MS, IDEMPOTENCY_MS);
        return this.verify();
      case "wait":
        this.#nowMs += command.ms;
        return;
      case "acquire":
      case "renew":
      case "release":
      case "expired":
        return this.#lease(command);
      case "saveSession":
      case "deleteSession":
        return this.#session(command);
      case "claim":
      case "update":
        return this.#receipt(command);
    }
  }

  /** Compares all that can be seen. */
  async verify(): Promise<void> {
    for (const channel of ["chat:1", "chat:2", "spec:1"]) {
      await this.#checkLog(channel);
      await this.#read({ channel, afterSeq: 0, maxRecords: 10_000, maxBytes: 10_000_000 });
    }
    for (const name of ["n1", "n2", "n3"]) {
      expect((await this.#store.loadSession(this.#tenant, name))?.subject).toBe(
        this.#model.sessions.get(name)?.text,
      );
    }
  }

  async #append(commands: readonly AppendCommand[]): Promise<void> {
    const requests = commands.map((command) => this.#requestOf(command));
    const outcomes = await Promise.allSettled(requests.map((request) => this.#store.append(request)));
    for (const [index, request] of requests.entries()) {
      const outcome = outcomes[index]!;
      const expected = this.#model.append(request);
      if (expected.outcome === "fenced" || expected.outcome === "moved") {
        const code = expected.outcome === "fenced" ? "FENCED" : "HEAD_MOVED";
        expect(outcome).toMatchObject({ status: "rejected", reason: { code } });
        continue;
      }
      const { outcome: kind, ...place } = expected;
      expect(outcome).toMatchObject({
        status: "fulfilled",
        value: { ...place, isDuplicate: kind === "duplicate" },
      });
      this.#learn(request.key, (outcome as PromiseFulfilledResult<AppendResult>).value);
    }
    for (const { channel } of commands) await this.#checkLog(channel);
  }

  #requestOf({
    channel,
    bodies,
    retention,
    idempotencyKey,
    fence,
    headBehind,
  }: AppendCommand): AppendRequest {
    return {
      key: this.#keyOf(channel),
      records: bodies.map((body) => ({ type: "chunk", body, executionId: channel })),
      nowMs: this.#nowMs,
      retention: RETENTIONS[retention]!,
      ...(idempotencyKey === undefined ? undefined : { idempotencyKey }),
      ...(fence === undefined
        ? undefined
        : {
            fence: {
              lease: this.#leaseName(fence.lease),
              token: this.#tokenOf(this.#leaseName(fence.lease), fence.behind),
            },
          }),
      ...(headBehind === undefined ? undefined : { expectedHead: this.#headOf(channel, headBehind) }),
    };
  }

  #headOf(channel: string, behind: number): Position {
    const log = this.#model.log(this.#keyOf(channel));
    const learnt = log && this.#learnt.get(log);
    if (learnt === undefined) return { epoch: "none00", seq: 0, tag: ORIGIN_TAG };
    const seq = Math.max(-1, log!.records.length - behind);
    return { epoch: learnt.epoch, seq, tag: learnt.tags[seq] ?? ORIGIN_TAG };
  }

  #tokenOf(lease: string, behind: number): number {
    return (this.#model.leases.get(lease)?.token ?? 0) - behind;
  }

  #learn(key: LogKey, { epoch, tag, firstSeq, lastSeq, isDuplicate }: AppendResult): void {
    const learnt = this.#learntOf(this.#model.log(key)!, epoch);
    expect(epoch).toBe(learnt.epoch);
    if (isDuplicate) expect(tag).toBe(learnt.tags[firstSeq]);
    for (let seq = firstSeq; seq <= lastSeq; seq++) learnt.tags[seq] = tag;
  }

  #learntOf(log: ModelLog, epoch: string): Learnt {
    const known = this.#learnt.get(log);
    if (known !== undefined) return known;
    expect(this.#epochs, "an epoch was given to two logs").not.toContain(epoch);
    this.#epochs.add(epoch);
    const learnt = { epoch, tags: [ORIGIN_TAG], baseSeq: 0 };
    this.#learnt.set(log, learnt);
    return learnt;
  }

  async #checkLog(channel: string): Promise<void> {
    const state = await this.#store.logState(this.#keyOf(channel));
    const log = this.#model.log(this.#keyOf(channel));
    if (log === undefined) {
      expect(state).toBeUndefined();
      return;
    }
    const learnt = this.#learntOf(log, state!.head.epoch);
    const { epoch, tags } = learnt;
    const { base } = state!;
    expect(state!.head).toEqual({ epoch, seq: log.records.length, tag: tags[log.records.length] });
    expect(base).toEqual({ epoch, seq: base.seq, tag: tags[base.seq] });
    expect(base.seq).toBeLessThanOrEqual(log.trimmedCount);
    expect(base.seq).toBeGreaterThanOrEqual(Math.max(learnt.baseSeq, log.trimmedCount - this.#slackRecords));
    learnt.baseSeq = base.seq;
  }

  async #read({ channel, afterSeq, maxRecords, maxBytes }: Omit<Extract<Command, { type: "read" }>, "type">) {
    const result = await this.#store.read({ key: this.#keyOf(channel), afterSeq, maxRecords, maxBytes });
    const log = this.#model.log(this.#keyOf(channel));
    if (log === undefined) {
      expect(result).toBeUndefined();
      return;
    }
    expect(result!.state).toEqual(await this.#store.logState(this.#keyOf(channel)));
    const { tags } = this.#learnt.get(log)!;
    const expected = [];
    let byteCount = 0;
    for (let seq = Math.max(afterSeq, result!.state.base.seq) + 1; seq <= log.records.length; seq++) {
      if (expected.length > 0 && (expected.length >= maxRecords || byteCount >= maxBytes)) break;
      const record = log.records[seq - 1]!;
      expected.push({ ...record, seq, tag: tags[seq] });
      byteCount += Buffer.byteLength(record.body);
    }
    expect(result!.records).toEqual(expected);
  }

  async #lease(
    command: Extract<Command, { type: "acquire" | "renew" | "release" | "expired" }>,
  ): Promise<void> {
    const { leases } = this.#model;
    if (command.type === "expired") {
      const prefix = this.#leaseName(command.prefix);
      const expected = [...leases]
        .filter(([name, { expiresAtMs }]) => name.startsWith(prefix) && expiresAtMs <= this.#nowMs)
        .map(([name, lease]) => ({ name, ...lease }));
      const found = await this.#store.expiredLeases(prefix, this.#nowMs, 100);
      expect(new Set(found)).toEqual(new Set(expected));
      return;
    }
    const name = this.#leaseName(command.lease);
    const current = leases.get(name);
    if (command.type === "acquire") {
      const { owner, ttlMs } = command;
      const lease = await this.#store.acquireLease(name, owner, ttlMs, this.#nowMs, `"${owner}"`);
      if (current !== undefined && current.expiresAtMs > this.#nowMs) {
        expect(lease).toBeUndefined();
        return;
      }
      expect(lease!.token).toBeGreaterThan(this.#lastToken);
      this.#lastToken = lease!.token;
      const held = { owner, token: lease!.token, expiresAtMs: this.#nowMs + ttlMs, body: `"${owner}"` };
      expect(lease).toEqual({ name, ...held });
      leases.set(name, held);
      return;
    }
    const token = this.#tokenOf(name, command.behind);
    const isOwner = current?.token === token;
    if (command.type === "renew") {
      expect(await this.#store.renewLease(name, token, 995, this.#nowMs)).toBe(isOwner);
      if (isOwner) current.expiresAtMs = this.#nowMs + 995;
      return;
    }
    await this.#store.releaseLease(name, token);
    if (isOwner) leases.delete(name);
  }

  async #session(command: Extract<Command, { type: "saveSession" | "deleteSession" }>): Promise<void> {
    const { name } = command;
    if (command.type === "deleteSession") {
      await this.#store.deleteSession(this.#tenant, name);
      this.#model.sessions.delete(name);
      return;
    }
    const { text, ttlMs } = command;
    const expiresAtMs = this.#nowMs + ttlMs;
    const positions = { [text]: text };
    const session = {
      tenant: this.#tenant,
      sessionId: name,
      subject: text,
      clientId: name,
      createdAtMs: 1,
      expiresAtMs,
      positions,
      holder: 1,
      nodeId: "",
      revision: ++this.#revision,
    };
    await this.#store.saveSession(session);
    expect(await this.#store.loadSession(this.#tenant, name)).toEqual(session);
    this.#model.sessions.set(name, { text, expiresAtMs });
  }

  async #receipt(command: Extract<Command, { type: "claim" | "update" }>): Promise<void> {
    const { receipts } = this.#model;
    const key = { tenant: this.#tenant, clientId: "phone", commandId: command.name };
    const receipt = { status: "accepted", executionId: command.text, channel: "chat:1" } as const;
    const current = receipts.get(command.name);
    if (command.type === "update") {
      await this.#store.updateReceipt(key, receipt);
      if (current !== undefined) current.text = command.text;
      return;
    }
    const expiresAtMs = this.#nowMs + command.ttlMs;
    const claimed = await this.#store.claimReceipt(key, receipt, expiresAtMs);
    expect(claimed).toEqual({ ...receipt, executionId: current?.text ?? command.text });
    if (current === undefined) receipts.set(command.name, { text: command.text, expiresAtMs });
  }

  #keyOf(channel: string): LogKey {
    return { tenant: this.#tenant, channel };
  }

  /** Leases know no tenants: their names do. */
  #leaseName(lease: string): string {
    return `${this.#tenant}/${lease}`;
  }
}
