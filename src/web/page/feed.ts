/** What the server tells, as it comes. The token stays in this page: it is in the fragment of the address. */
import type { WebMessage, WebNetworks, WebWhy } from '../model.js';

const token = location.hash.slice(1);
const retryMs = 1_000;

async function ask(path: string, signal?: AbortSignal): Promise<Response> {
  const response = await fetch(path, {
    headers: { authorization: `Bearer ${token}` },
    ...(signal ? { signal } : {}),
  });
  if (!response.ok) throw new Error((await response.text()).trim() || `answer ${response.status}`);
  return response;
}

export async function networks(): Promise<WebNetworks['networks']> {
  return ((await (await ask('/api/networks')).json()) as WebNetworks).networks;
}

/** @param from the member whose decisions are wanted; default: the node's own */
export async function why(network: string | undefined, peer: string, from?: string): Promise<WebWhy> {
  const query = new URLSearchParams({
    peer,
    ...(network === undefined ? {} : { network }),
    ...(from === undefined ? {} : { from }),
  });
  return (await (await ask(`/api/why?${query}`)).json()) as WebWhy;
}

/** Follows a network until the returned function is called; tells `gone` while nobody answers. */
export function follow(network: string | undefined, tell: (message: WebMessage) => void): () => void {
  const over = new AbortController();
  const run = async (): Promise<void> => {
    const query = network === undefined ? '' : `?network=${encodeURIComponent(network)}`;
    const response = await ask(`/api/stream${query}`, over.signal);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      const part = await reader?.read();
      if (!part || part.done) return;
      text += part.value;
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) if (line !== '') tell(JSON.parse(line) as WebMessage);
    }
  };
  const again = (): void => {
    if (over.signal.aborted) return;
    void run()
      .then(() => 'evio web ended')
      .catch((thrown: unknown) => (thrown instanceof Error ? thrown.message : String(thrown)))
      .then((reason) => {
        if (over.signal.aborted) return;
        tell({ kind: 'gone', reason });
        setTimeout(again, retryMs);
      });
  };
  again();
  return () => over.abort();
}
