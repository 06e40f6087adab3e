import { useRef, useState } from "preact/hooks";
import { Button } from "../design/button.tsx";

const MAX_VISIBLE_ROWS = 8;
const MAX_MESSAGE_CHARS = 100_000;

interface ComposerProps {
  readonly isRunning: boolean;
  readonly onSend: (text: string) => void;
  readonly onStop: () => void;
}

/** Where the person writes. While an answer runs, what is written goes to it. */
export function Composer({ isRunning, onSend, onStop }: ComposerProps) {
  const [text, setText] = useState("");
  const field = useRef<HTMLTextAreaElement>(null);
  const isEmpty = text.trim() === "";

  const submit = () => {
    if (isEmpty) return;
    onSend(text.trim());
    setText("");
    field.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // Enter that confirms a word of an input method is not meant for us.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  };

  return (
    <form
      class="composer"
      data-testid="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <label class="visually-hidden" for="composer-input">
        {isRunning ? "Message to the running answer" : "Message"}
      </label>
      <textarea
        id="composer-input"
        ref={field}
        class="composer-input"
        data-testid="composer-input"
        rows={Math.min(text.split("\n").length, MAX_VISIBLE_ROWS)}
        maxLength={MAX_MESSAGE_CHARS}
        placeholder={isRunning ? "Steer the answer while it is written" : "Ask something"}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKeyDown}
        autofocus
      />
      <div class="composer-actions">
        <span class="composer-keys">
          <kbd>Enter</kbd> {isRunning ? "steers" : "sends"}, <kbd>Shift</kbd> <kbd>Enter</kbd> new line
          {isRunning && (
            <>
              , <kbd>Esc</kbd> stops
            </>
          )}
        </span>
        {isRunning && (
          <Button tone="stop" testId="stop" onClick={onStop}>
            <span class="stop-mark" aria-hidden="true" />
            Stop
          </Button>
        )}
        <Button tone="primary" testId="send" type="submit" disabled={isEmpty}>
          {isRunning ? "Steer" : "Send"}
        </Button>
      </div>
    </form>
  );
}
