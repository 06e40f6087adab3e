interface NoticeProps {
  readonly text: string | undefined;
  readonly onDismiss?: () => void;
}

/** Something that went wrong and that a person should read. */
export function Notice({ text, onDismiss }: NoticeProps) {
  if (text === undefined) return null;
  return (
    <div class="notice notice-row" data-tone="bad" role="alert" data-testid="notice">
      <span>{text}</span>
      {onDismiss !== undefined && (
        <button type="button" class="quiet-button" data-testid="notice-dismiss" onClick={onDismiss}>
          Dismiss
        </button>
      )}
    </div>
  );
}
