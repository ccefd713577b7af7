// Questions to the server. An answer that is no answer is a Refusal: `final` where asking again would not help.

const PATIENCE = 300_000; // ms; a hundred thousand decisions at once take a while

export class Refusal extends Error {
  constructor(words, status) {
    super(words);
    this.status = status; // 0: nobody answered
  }

  get final() {
    // 403 (another token) and 409 (a file that a person has to mend) can come right; so can a busy or restarted server
    return this.status >= 400 && this.status < 500 && ![403, 408, 409, 421, 429].includes(this.status);
  }
}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, { ...options, credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE) });
  } catch {
    throw new Refusal("the server does not answer; start it again with the same command", 0);
  }
  let body;
  try {
    body = await answer.json();
  } catch {
    throw new Refusal(`the server's answer (${answer.status}) is not readable`, answer.ok ? 0 : answer.status);
  }
  if (!answer.ok) throw new Refusal(body.error || `the server said ${answer.status}`, answer.status);
  return body;
}

export const get = (path) => ask(path, {});
export const post = (path, body) =>
  ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
