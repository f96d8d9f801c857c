/** Why a peer is reached as it is: asks the node again and again. */
import { useEffect, useState } from 'react';
import { ask } from '../core/control/client.js';
import type { WhyReport } from '../core/control/schema.js';
import type { StatusSource } from './use-status.js';

/** @param peer its id; undefined while nobody wants to know. What the node cannot tell stays as it was told last. */
export function useWhy(
  { path, network, intervalMs, worded }: StatusSource,
  peer: string | undefined,
): WhyReport | undefined {
  const [why, setWhy] = useState<WhyReport>();
  useEffect(() => {
    if (peer === undefined) return undefined;
    let timer: NodeJS.Timeout | undefined;
    let gone = false;
    const look = async (): Promise<void> => {
      const answer = await ask(path, 'why', { network, peer }).catch(() => undefined);
      if (gone) return;
      if (answer) setWhy({ ...answer, advice: answer.advice.map((text) => worded(text)) });
      timer = setTimeout(() => void look(), intervalMs);
    };
    void look();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [path, network, intervalMs, worded, peer]);
  return why?.peer === peer ? why : undefined;
}
