/** The mark: a round body and its three eyes. */
export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path
        class="logo-body"
        d="M12 2.5c5.6 0 9.5 4 9.5 9.2 0 2.9-1.2 5.3-3 7l.9 2.8-3.6-1.1a10 10 0 0 1-7.6 0l-3.6 1.1.9-2.8a9.3 9.3 0 0 1-3-7c0-5.2 3.9-9.2 9.5-9.2z"
      />
      <circle class="logo-eye" cx="12" cy="9.2" r="2.9" />
      <circle class="logo-eye" cx="7.2" cy="13.8" r="1.5" />
      <circle class="logo-eye" cx="16.8" cy="13.8" r="1.5" />
    </svg>
  );
}
