import { Writable } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as ws from "ws";
import { ConnectionWriter, type WriteLimits, writeLimitsFor } from "./connection-writer.ts";
import { textFrames } from "./frame.ts";

const limits: WriteLimits = { chunkBytes: 1000, maxSocketBytes: 1500, lowMarkBytes: 400 };
/** Exported by `ws` 8.23, not yet by its type declarations. */
const { Receiver } = ws as unknown as { Receiver: new (options: { isServer: boolean }) => Writable };
const PING = Buffer.from([0x89, 0x01, 0x37]);

/** A stream whose far side takes bytes only when the test says so, as a kernel does with a slow reader. */
class HeldSocket extends Writable {
  readonly taken: Buffer[] = [];
  readonly #held: { readonly bytes: Buffer; readonly done: (error?: Error) => void }[] = [];
  isHolding = true;

  constructor() {
    super({ highWaterMark: 1200 });
    this.on("error", () => undefined);
  }

  override _write(bytes: Buffer, _encoding: string, done: (error?: Error) => void): void {
    if (this.isHolding) this.#held.push({ bytes, done });
    else this.#take(bytes, done);
  }

  /** Takes the one write that is under way; its callbacks run before the promise resolves. */
  async takeOne(): Promise<void> {
    const write = this.#held.shift();
    if (write !== undefined) this.#take(write.bytes, write.done);
    await new Promise((resolve) => setImmediate(resolve));
  }

  async takeAll(): Promise<void> {
    for (let turn = 0; this.writableLength > 0 || this.#held.length > 0; turn += 1) {
      if (turn > 10_000) throw new Error(`The socket still holds ${this.writableLength} bytes`);
      await this.takeOne();
    }
    await this.takeOne();
  }

  #take(bytes: Buffer, done: (error?: Error) => void): void {
    this.taken.push(bytes);
    done();
  }
}

function createWriter(socket: HeldSocket, options: { limits?: WriteLimits; canWrite?: () => boolean } = {}) {
  let drains = 0;
  const levelsAtDrain: number[] = [];
  const writer: ConnectionWriter = new ConnectionWriter({
    socket,
    limits: options.limits ?? limits,
    canWrite: options.canWrite ?? (() => true),
    onDrain: () => {
      drains += 1;
      levelsAtDrain.push(writer.bufferedBytes);
    },
  });
  return { writer, levelsAtDrain, drainCount: () => drains };
}

function message(text: string, maxFrameBytes = 500): Buffer {
  return textFrames(text, { maxFrameBytes, isDeflated: false });
}

/** What a client understands of the bytes, by the parser of `ws` itself. */
async function receive(bytes: readonly Buffer[]): Promise<{ messages: string[]; pings: number }> {
  const receiver = new Receiver({ isServer: false });
  const messages: string[] = [];
  let pings = 0;
  receiver.on("message", (data: Buffer) => messages.push(data.toString()));
  receiver.on("ping", () => (pings += 1));
  await new Promise<void>((resolve, reject) => {
    receiver.on("error", reject);
    receiver.on("finish", resolve);
    for (const piece of bytes) receiver.write(Buffer.from(piece));
    receiver.end();
  });
  return { messages, pings };
}

describe("the normal case", () => {
  test("a write to an idle socket is one write of the very same bytes", () => {
    const socket = new HeldSocket();
    socket.isHolding = false;
    const { writer } = createWriter(socket);
    const bytes = message("hello");
    writer.write(bytes);
    expect(socket.taken).toHaveLength(1);
    expect(socket.taken[0]).toBe(bytes);
    expect(writer.bufferedBytes).toBe(0);
  });

  test("a large message is cut without copying", async () => {
    const socket = new HeldSocket();
    const { writer } = createWriter(socket);
    const bytes = message("x".repeat(10_000));
    writer.write(bytes);
    await socket.takeAll();
    expect(socket.taken.length).toBeGreaterThan(5);
    expect(socket.taken.every((piece) => piece.buffer === bytes.buffer)).toBe(true);
  });
});

describe("a slow socket", () => {
  test("never holds more than a chunk beyond the mark, and bufferedBytes counts all of it", async () => {
    const socket = new HeldSocket();
    const { writer } = createWriter(socket);
    const bytes = message("x".repeat(50_000));
    writer.write(bytes);
    let takenBytes = 0;
    while (takenBytes < bytes.length) {
      expect(writer.bufferedBytes).toBe(bytes.length - takenBytes);
      expect(socket.writableLength).toBeLessThan(limits.maxSocketBytes + limits.chunkBytes);
      await socket.takeOne();
      takenBytes = socket.taken.reduce((sum, piece) => sum + piece.length, 0);
    }
    expect(writer.bufferedBytes).toBe(0);
  });

  test("a control frame passes between the fragments of a message", async () => {
    const socket = new HeldSocket();
    const { writer } = createWriter(socket);
    const text = "0123456789".repeat(2000);
    writer.write(message(text));
    await socket.takeOne();
    socket.write(PING);
    await socket.takeAll();
    const pingIndex = socket.taken.findIndex((piece) => piece.equals(PING));
    expect(pingIndex).toBeGreaterThan(0);
    expect(pingIndex).toBeLessThan(6);
    expect(await receive(socket.taken)).toEqual({ messages: [text], pings: 1 });
  });

  test("a frame larger than a chunk goes out whole", async () => {
    const socket = new HeldSocket();
    const { writer } = createWriter(socket);
    writer.write(message("x".repeat(9000), 4000));
    await socket.takeAll();
    expect(socket.taken.map((piece) => piece.length)).toEqual([4004, 4004, 1004]);
  });
});

describe("drain", () => {
  test("is told once, when the level has come down to the low mark", async () => {
    const socket = new HeldSocket();
    const { writer, levelsAtDrain, drainCount } = createWriter(socket);
    writer.write(message("x".repeat(5000)));
    await socket.takeOne();
    expect(drainCount()).toBe(0);
    await socket.takeAll();
    expect(drainCount()).toBe(1);
    expect(levelsAtDrain[0]).toBeLessThanOrEqual(limits.lowMarkBytes);
  });

  test("is not told where the level never rose above the low mark", async () => {
    const socket = new HeldSocket();
    const { writer, drainCount } = createWriter(socket);
    writer.write(message("x".repeat(100)));
    writer.write(message("x".repeat(100)));
    await socket.takeAll();
    expect(drainCount()).toBe(0);
  });

  test("is told although only control frames were left above the low mark", async () => {
    const socket = new HeldSocket();
    const { writer, drainCount } = createWriter(socket);
    writer.write(message("x".repeat(450)));
    for (let sent = 0; sent < 200; sent += 1) socket.write(PING);
    await socket.takeOne();
    expect(writer.bufferedBytes).toBeGreaterThan(limits.lowMarkBytes);
    await socket.takeAll();
    expect(drainCount()).toBe(1);
  });

  test("is told to a caller whom control frames alone have stopped", async () => {
    const socket = new HeldSocket();
    const { writer, drainCount } = createWriter(socket);
    for (let sent = 0; sent < 200; sent += 1) socket.write(PING);
    writer.watchLevel();
    await socket.takeAll();
    expect(drainCount()).toBe(1);
  });

  test("a caller that writes again on drain is told again", async () => {
    const socket = new HeldSocket();
    let left = 5;
    const writer = new ConnectionWriter({
      socket,
      limits,
      canWrite: () => true,
      onDrain: () => {
        left -= 1;
        if (left > 0) writer.write(message("x".repeat(3000)));
      },
    });
    writer.write(message("x".repeat(3000)));
    await socket.takeAll();
    expect(left).toBe(0);
  });

  test.each([4096, 256 * 1024, 256 * 1024 * 1024])(
    "the low mark lies below a high mark of %i",
    (highWaterBytes) => {
      expect(writeLimitsFor(highWaterBytes).lowMarkBytes).toBeLessThan(highWaterBytes / 2);
    },
  );
});

describe("any mix of messages, control frames and pauses", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("write" as const), size: fc.integer({ min: 0, max: 6000 }) }),
    fc.record({ kind: fc.constant("ping" as const) }),
    fc.record({ kind: fc.constant("take" as const) }),
    fc.record({ kind: fc.constant("hold" as const), isHolding: fc.boolean() }),
  );
  const anyLimits = fc.record({
    chunkBytes: fc.integer({ min: 1, max: 3000 }),
    maxSocketBytes: fc.integer({ min: 1, max: 3000 }),
    lowMarkBytes: fc.integer({ min: 0, max: 3000 }),
  });
  const steps = fc.array(step, { maxLength: 40, size: "max" });

  test("arrives complete and in order, and every rise above the low mark ends in one drain", async () => {
    await fc.assert(
      fc.asyncProperty(
        anyLimits,
        fc.integer({ min: 50, max: 2000 }),
        steps,
        async (limits, maxFrameBytes, steps) => {
          const socket = new HeldSocket();
          const { writer, levelsAtDrain, drainCount } = createWriter(socket, { limits });
          const sent: string[] = [];
          let pings = 0;
          let isDrainDue = false;
          for (const [index, step] of steps.entries()) {
            const drainsBefore = drainCount();
            if (step.kind === "write") {
              const text = String.fromCharCode(97 + (index % 26)).repeat(step.size);
              sent.push(text);
              writer.write(message(text, maxFrameBytes));
              if (writer.bufferedBytes > limits.lowMarkBytes) isDrainDue = true;
            } else if (step.kind === "ping") {
              pings += 1;
              socket.write(PING);
            } else if (step.kind === "hold") {
              socket.isHolding = step.isHolding;
            } else {
              await socket.takeOne();
            }
            if (drainCount() > drainsBefore) {
              expect(isDrainDue).toBe(true);
              expect(drainCount()).toBe(drainsBefore + 1);
              isDrainDue = false;
            }
          }
          const drainsBefore = drainCount();
          await socket.takeAll();
          expect(drainCount() - drainsBefore).toBe(isDrainDue ? 1 : 0);
          expect(levelsAtDrain.every((level) => level <= limits.lowMarkBytes)).toBe(true);
          expect(writer.bufferedBytes).toBe(0);
          expect(await receive(socket.taken)).toEqual({ messages: sent, pings });
        },
      ),
      { numRuns: 500 },
    );
  });

  test("control frames behind a finished write owe nobody a drain", async () => {
    const socket = new HeldSocket();
    const { writer, drainCount } = createWriter(socket, { limits: { ...limits, lowMarkBytes: 0 } });
    socket.isHolding = false;
    writer.write(message("done at once"));
    socket.isHolding = true;
    socket.write(PING);
    socket.write(PING);
    await socket.takeAll();
    expect(drainCount()).toBe(0);
  });
});

describe("the end", () => {
  test("end calls back when the socket has everything, and what is written later is dropped", async () => {
    const socket = new HeldSocket();
    const { writer } = createWriter(socket);
    const text = "x".repeat(5000);
    writer.write(message(text));
    let isHandedOver = false;
    writer.end(() => {
      isHandedOver = true;
      socket.write(PING);
    });
    writer.write(message("too late"));
    expect(isHandedOver).toBe(false);
    await socket.takeAll();
    expect(isHandedOver).toBe(true);
    expect(socket.taken.at(-1)).toEqual(PING);
    expect(await receive(socket.taken)).toEqual({ messages: [text], pings: 1 });
  });

  test("end calls back at once where nothing waits", () => {
    const { writer } = createWriter(new HeldSocket());
    let isHandedOver = false;
    writer.end(() => (isHandedOver = true));
    expect(isHandedOver).toBe(true);
  });

  test("after close it drops silently, reports 0 and calls nobody", async () => {
    const socket = new HeldSocket();
    const { writer, drainCount } = createWriter(socket);
    writer.write(message("x".repeat(5000)));
    writer.close();
    expect(writer.bufferedBytes).toBe(0);
    writer.write(message("x".repeat(5000)));
    expect(writer.bufferedBytes).toBe(0);
    await socket.takeAll();
    expect(drainCount()).toBe(0);
    expect(socket.taken.reduce((sum, piece) => sum + piece.length, 0)).toBeLessThan(4000);
  });

  test("nothing follows once a close frame is on its way", async () => {
    const socket = new HeldSocket();
    let isOpen = true;
    const { writer } = createWriter(socket, { canWrite: () => isOpen });
    writer.write(message("x".repeat(9000)));
    isOpen = false;
    const handedOver = socket.writableLength;
    await socket.takeAll();
    writer.write(message("x"));
    expect(socket.taken.reduce((sum, piece) => sum + piece.length, 0)).toBe(handedOver);
    expect(writer.bufferedBytes).toBe(0);
  });

  test("a socket that dies in the middle throws nothing", async () => {
    const socket = new HeldSocket();
    const { writer } = createWriter(socket);
    writer.write(message("x".repeat(9000)));
    socket.destroy(new Error("reset"));
    await new Promise((resolve) => setImmediate(resolve));
    writer.write(message("x".repeat(9000)));
    await new Promise((resolve) => setImmediate(resolve));
    writer.close();
    expect(writer.bufferedBytes).toBe(0);
  });
});
