import type { ComponentChildren, JSX } from "preact";

type ButtonProps = JSX.IntrinsicElements["button"] & {
  readonly tone?: "plain" | "primary" | "stop";
  readonly testId: string;
  readonly children: ComponentChildren;
};

export function Button({ tone = "plain", testId, children, ...rest }: ButtonProps) {
  return (
    <button type="button" {...rest} class={`button button-${tone}`} data-testid={testId}>
      {children}
    </button>
  );
}
