/** What a member says of its links, and of what it decided about one: its word, which nothing proves. */
import { useEffect, useState } from 'preact/hooks';
import type { Picture, WebMember, WebWhy } from '../model.js';
import { why } from './feed.js';
import { bits, round } from './format.js';

interface Props {
  readonly network: string | undefined;
  readonly member: WebMember;
  readonly picture: Picture;
  readonly choose: (id: string) => void;
}

export function Told({ network, member, picture, choose }: Props) {
  const [about, setAbout] = useState<string | null>(null);
  const [answer, setAnswer] = useState<WebWhy['log'] | string>('');
  const { id } = member;
  const { self, members } = picture;
  useEffect(() => setAbout(null), [id]);
  useEffect(() => {
    if (about === null) return undefined;
    let over = false;
    setAnswer('Asking it …');
    why(network, about, id).then(
      ({ log }) => {
        if (!over) setAnswer(log);
      },
      (thrown: unknown) => {
        if (!over) setAnswer(thrown instanceof Error ? thrown.message : String(thrown));
      },
    );
    return () => {
      over = true;
    };
  }, [network, id, about]);

  const told = picture.told?.find(({ by }) => by === id);
  const nameOf = (to: string): string =>
    to === self?.id ? `${self.name} (here)` : (members.find((one) => one.id === to)?.name ?? to.slice(0, 8));
  if (!told) return <p class="soft">It has not said what it sees.</p>;
  if (told.refused) return <p class="soft">It does not show its links to this machine.</p>;
  return (
    <section class="told" aria-label={`Links, as ${member.name} says`}>
      <h3>
        Its {told.of} links, as it says{told.of > told.links.length ? `; the first ${told.links.length}` : ''}
      </h3>
      <ul>
        {told.links.map(({ to, path, link, rttMs, rate }) => (
          <li key={to} class={path ?? 'off'}>
            <button type="button" onClick={() => to !== self?.id && choose(to)}>
              {nameOf(to)}
            </button>{' '}
            {[path ?? 'no way', link, round(rttMs), rate > 0 ? bits(rate) : '']
              .filter((part) => part !== null && part !== '')
              .join(', ')}{' '}
            <button
              type="button"
              aria-expanded={about === to}
              onClick={() => setAbout(about === to ? null : to)}
            >
              Why?
            </button>
          </li>
        ))}
      </ul>
      {about !== null && (
        <>
          <h3>
            What {member.name} decided about {nameOf(about)}
          </h3>
          {typeof answer === 'string' ? (
            <p>{answer}</p>
          ) : (
            <ol class="log">
              {[...answer].reverse().map(({ at, event, detail }, i) => (
                <li key={`${at} ${i}`}>
                  <time dateTime={at}>{new Date(at).toLocaleTimeString()}</time> {event} {detail}
                </li>
              ))}
            </ol>
          )}
        </>
      )}
    </section>
  );
}
