// Loaded into the server by `npm start`. npm passes a signal to the shell that runs its script, and the shell ends without
// telling anyone: the server would stay behind and keep its port. So it looks whether its parent is still there, and stops in
// an orderly way when it is not. A signal of its own makes this superfluous.
const CHECK_INTERVAL_MS = 250;
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"];

const parentId = Number(new URL(import.meta.url).searchParams.get("parent"));

const timer = setInterval(() => {
  if (process.ppid === parentId) return;
  clearInterval(timer);
  process.kill(process.pid, "SIGTERM");
}, CHECK_INTERVAL_MS);
timer.unref();

// Listening to a signal takes away its default effect, so this waits until the server listens itself.
const listened = new Set();
process.on("newListener", (event) => {
  if (!SIGNALS.includes(event) || listened.has(event)) return;
  listened.add(event);
  process.once(event, () => clearInterval(timer));
});
