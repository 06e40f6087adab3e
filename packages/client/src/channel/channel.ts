import type {
  Channel,
  ExecuteOptions,
  Execution,
  Published,
  SubscribeOptions,
  Subscription,
} from "../api.ts";
import { publish } from "../commands/command-result.ts";
import type { ExecutionLink } from "../execution/execution-link.ts";
import { startExecution } from "../execution/start-execution.ts";
import { ChannelSubscription } from "./subscription.ts";

export interface ChannelPorts {
  signal(data: unknown): boolean;
  /** Throws when the client is closed. */
  assertOpen(): void;
}

export class ClientChannel implements Channel {
  readonly name: string;
  readonly #link: ExecutionLink;
  readonly #ports: ChannelPorts;

  constructor(name: string, link: ExecutionLink, ports: ChannelPorts) {
    this.name = name;
    this.#link = link;
    this.#ports = ports;
  }

  subscribe(options: SubscribeOptions = {}): Subscription {
    this.#ports.assertOpen();
    return new ChannelSubscription(this.#link.channels.get(this.name), options, this.#link.onThrown);
  }

  async publish(data: unknown): Promise<Published> {
    this.#ports.assertOpen();
    const id = this.#link.nextId();
    return publish(this.#link.commands, { type: "publish", id, channel: this.name, data });
  }

  signal(data: unknown): boolean {
    return this.#ports.signal(data);
  }

  presence(state: unknown): void {
    this.#ports.assertOpen();
    this.#link.channels.get(this.name).setPresence(state);
  }

  execute(handler: string, input: unknown, options: ExecuteOptions = {}): Execution {
    this.#ports.assertOpen();
    return startExecution(this.#link, { ...options, handler, input, channel: this.name });
  }

  unsubscribe(): void {
    for (const follower of this.#link.channels.get(this.name).followers) {
      if (follower instanceof ChannelSubscription) follower.unsubscribe();
    }
  }
}
