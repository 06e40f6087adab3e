const PROMPTS = [
  "Tell me a long story about a spider tank that learned to wait.",
  "Explain how a message survives a dead socket, step by step.",
  "Write a small program that counts words, and comment every line.",
];

interface EmptyChatProps {
  readonly onPrompt: (text: string) => void;
}

export function EmptyChat({ onPrompt }: EmptyChatProps) {
  return (
    <div class="empty-chat" data-testid="empty-chat">
      <h1>Ask something, then break the connection.</h1>
      <p>
        The answer lives on the server, not in this tab. Cut the socket, refresh, or open a second tab while
        it is being written: nothing is lost and nothing comes twice.
      </p>
      <ul class="prompts">
        {PROMPTS.map((prompt) => (
          <li key={prompt}>
            <button type="button" class="prompt" data-testid="prompt" onClick={() => onPrompt(prompt)}>
              {prompt}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
