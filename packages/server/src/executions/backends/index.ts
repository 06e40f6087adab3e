export { type AnthropicOptions, anthropic } from "./anthropic.ts";
export type { BackendPorts } from "./backend-ports.ts";
export { type CommandOptions, command } from "./command.ts";
export type { CommandLimits } from "./command-output.ts";
export { type DemoOptions, demo } from "./demo.ts";
export { type OpenAiCompatibleOptions, openAiCompatible } from "./openai-compatible.ts";
export type { RetryPolicy } from "./retry-decision.ts";
export type { UpstreamLimits } from "./upstream-request.ts";
