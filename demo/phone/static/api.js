// The server: what it is asked, and what it tells by itself.

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer. Is it still running?");
  }
  const document = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(document.error ?? `The server refused (${answer.status}).`);
  return document;
}

export const get = (path) => ask(path);

let last = Promise.resolve();

/** Post a document; what is asked first is done first, however quick the fingers. */
export const post = (path, document) => {
  const answer = last.then(() =>
    ask(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(document),
    }),
  );
  last = answer.catch(() => {});
  return answer;
};

/** Hand over each new state; `onLink` is told whether the server is there. Returns what ends it. */
export function listen(unmasked, onState, onLink) {
  const source = new EventSource(`/api/events?unmasked=${unmasked ? 1 : 0}`);
  source.onopen = () => onLink(true);
  source.onerror = () => onLink(false);
  source.onmessage = (message) => onState(JSON.parse(message.data));
  return () => source.close();
}
