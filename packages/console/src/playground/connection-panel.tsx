import { Badge } from "../design/badge.tsx";
import { Button } from "../design/button.tsx";
import { Panel } from "../design/panel.tsx";
import type { ChatView } from "./chat-view.ts";
import type { Connection } from "./connection.ts";
import { clockTime } from "./event-log.ts";

export const OFFLINE_MS = 10_000;

interface ConnectionPanelProps {
  readonly connection: Connection;
  readonly view: ChatView;
}

export function ConnectionPanel({ connection, view }: ConnectionPanelProps) {
  return (
    <>
      <BreakPanel connection={connection} />
      <SessionPanel connection={connection} view={view} />
      <CounterPanel connection={connection} view={view} />
      <EventPanel connection={connection} />
    </>
  );
}

function BreakPanel({ connection }: { readonly connection: Connection }) {
  const link = connection.link.value;
  const isOffline = link.state === "offline";
  return (
    <Panel title="Break it">
      <div class="break-buttons">
        <Button testId="cut-socket" disabled={link.state !== "online"} onClick={() => connection.cut()}>
          Cut the socket
        </Button>
        <Button
          testId="go-offline"
          disabled={link.state === "closed"}
          onClick={() => (isOffline ? connection.goOnline() : connection.goOffline(OFFLINE_MS))}
        >
          {isOffline ? "Come back now" : "Go offline for 10 s"}
        </Button>
        <Button testId="refresh" onClick={() => location.reload()}>
          Refresh the page
        </Button>
        {/* Not a link: only a tab that this one opens gets its session storage, and with it the key. */}
        <Button testId="second-tab" onClick={() => window.open(location.href, "_blank")}>
          Open a second tab
        </Button>
      </div>
    </Panel>
  );
}

function SessionPanel({ connection, view }: ConnectionPanelProps) {
  const session = connection.session.value;
  return (
    <Panel title="Session">
      <dl class="facts">
        <Fact name="Session" value={session?.sessionId} testId="session-id" />
        <Fact name="Connection" value={session?.connectionId} testId="connection-id" />
        <Fact name="Client" value={session?.clientId} testId="client-id" />
        <dt>Resumed</dt>
        <dd data-testid="resumed">
          {session === undefined ? (
            "-"
          ) : session.resumed ? (
            <Badge tone="good">yes</Badge>
          ) : (
            <Badge>
              {session.reason === undefined ? "no, new" : `no, ${session.reason.replaceAll("_", " ")}`}
            </Badge>
          )}
        </dd>
        <Fact name="Position" value={view.position} testId="position" />
      </dl>
    </Panel>
  );
}

interface FactProps {
  readonly name: string;
  readonly value: string | undefined;
  readonly testId: string;
}

function Fact({ name, value, testId }: FactProps) {
  return (
    <>
      <dt>{name}</dt>
      <dd class="mono fact" title={value} data-testid={testId}>
        {value ?? "-"}
      </dd>
    </>
  );
}

function CounterPanel({ connection, view }: ConnectionPanelProps) {
  return (
    <Panel title="This page, since it was loaded">
      <dl class="counters">
        <Counter name="Records" value={view.recordCount} testId="count-records" />
        <Counter name="Deliveries" value={view.deliveryCount} testId="count-deliveries" />
        <Counter name="Merged" value={view.mergedDeliveryCount} testId="count-merged" />
        <Counter name="Resumes" value={connection.resumeCount.value} testId="count-resumes" />
        <Counter name="Duplicates" value={view.duplicateCount} testId="count-duplicates" />
        <Counter name="Resets" value={view.resetCount} testId="count-resets" />
      </dl>
    </Panel>
  );
}

function Counter({
  name,
  value,
  testId,
}: {
  readonly name: string;
  readonly value: number;
  readonly testId: string;
}) {
  return (
    <div>
      <dt>{name}</dt>
      <dd data-testid={testId}>{value}</dd>
    </div>
  );
}

function EventPanel({ connection }: { readonly connection: Connection }) {
  return (
    <Panel title="What happened">
      <ol class="events" data-testid="events">
        {connection.events.value.map((event) => (
          <li key={event.key} data-tone={event.tone} data-testid="event">
            <span class="dot" aria-hidden="true" />
            <span>{event.text}</span>
            <time class="mono">{clockTime(event.atMs)}</time>
          </li>
        ))}
      </ol>
    </Panel>
  );
}
