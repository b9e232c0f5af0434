// Runs in the open page: one run in the counting worker; ends with its events.
// Arguments from WebDriver: the request, and the callback that ends the script.

const [request, done] = arguments;
const worker = new Worker("bench-worker.js");
const events = [];
worker.onerror = (error) => done([{ event: "failed", what: error.message ?? "the worker did not start" }]);
worker.onmessage = ({ data }) => {
  // Checkpoints travel as objects.
  if (typeof data !== "string") return;
  const event = JSON.parse(data);
  events.push(event);
  if (event.event === "ready") worker.postMessage(request);
  if (["finished", "completed", "failed", "broken"].includes(event.event)) {
    worker.terminate();
    done(events);
  }
};
