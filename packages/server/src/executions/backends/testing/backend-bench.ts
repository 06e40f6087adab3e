/** A mock endpoint, a fake clock and a recording logger around one HTTP backend. For tests. */
import type { Random } from "../../../core/ports.ts";
import { FakeClock } from "../../../core/testing/fake-clock.ts";
import type { Handler } from "../../handler.ts";
import { anthropic } from "../anthropic.ts";
import type { EndpointOptions } from "../endpoint-options.ts";
import { openAiCompatible } from "../openai-compatible.ts";
import { eventually, RecordingLogger } from "./execution-context.ts";
import { MockUpstream } from "./mock-upstream.ts";

/** Turns up nowhere but in the header of the request. */
export const CANARY_KEY = "sk-canary-0123456789-canary";

const halfway: Random = { fraction: () => 0.5, id: (chars) => "0".repeat(chars) };

export class BackendBench {
  readonly clock = new FakeClock();
  readonly logger = new RecordingLogger();
  readonly upstream: MockUpstream;

  private constructor(upstream: MockUpstream) {
    this.upstream = upstream;
  }

  static async start(): Promise<BackendBench> {
    return new BackendBench(await MockUpstream.start());
  }

  openAi(options: Partial<EndpointOptions> = {}): Handler {
    return openAiCompatible({ ...this.#options(), ...options, baseUrl: `${this.upstream.baseUrl}/v1` });
  }

  anthropic(options: Partial<EndpointOptions> = {}): Handler {
    return anthropic({ ...this.#options(), ...options, baseUrl: this.upstream.baseUrl });
  }

  /** Waits until that many attempts have failed, then lets the pause after them pass. */
  async passRetries(count: number): Promise<void> {
    for (let failed = 1; failed <= count; failed++) {
      await eventually(`fault ${failed} is logged`, () => this.logger.lines.length >= failed);
      await this.clock.advance(20_000);
    }
  }

  async close(): Promise<void> {
    await this.upstream.close();
  }

  #options(): EndpointOptions {
    return {
      model: "test-model",
      apiKey: CANARY_KEY,
      ports: { clock: this.clock, random: halfway, logger: this.logger },
    };
  }
}
