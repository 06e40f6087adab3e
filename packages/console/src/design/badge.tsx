import type { ComponentChildren } from "preact";

export type Tone = "neutral" | "good" | "warn" | "bad";

interface BadgeProps {
  readonly tone?: Tone;
  readonly testId?: string;
  readonly children: ComponentChildren;
}

export function Badge({ tone = "neutral", testId, children }: BadgeProps) {
  return (
    <span class="badge" data-tone={tone} data-testid={testId}>
      {children}
    </span>
  );
}

/** The coloured point before a state; `isBusy` lets it breathe. */
export function Dot({ isBusy = false }: { readonly isBusy?: boolean }) {
  return <span class="dot" data-busy={isBusy} aria-hidden="true" />;
}
