import { Badge, Dot } from "../design/badge.tsx";
import { isCountingDown, type LinkState, linkAnnouncement, linkText, linkTone } from "./link-state.ts";
import { useNow } from "./use-now.ts";

/** The live state of the connection. What is spoken changes with the state, not with every second. */
export function LinkBadge({ link }: { readonly link: LinkState }) {
  const nowMs = useNow(isCountingDown(link));
  return (
    <span class="link-state" data-testid="link-state" data-state={link.state}>
      <Badge tone={linkTone(link)} testId="link-text">
        <Dot isBusy={link.state === "connecting" || link.state === "waiting"} />
        <span aria-hidden="true">{linkText(link, nowMs)}</span>
      </Badge>
      <span class="visually-hidden" role="status" aria-live="polite">
        {linkAnnouncement(link)}
      </span>
    </span>
  );
}
