import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface PanelProps {
  readonly title: string;
  readonly children: ComponentChildren;
}

export function Panel({ title, children }: PanelProps) {
  const titleId = useId();
  return (
    <section class="panel" aria-labelledby={titleId}>
      <h2 class="panel-title" id={titleId}>
        {title}
      </h2>
      {children}
    </section>
  );
}
