/** One member: what is known of it, and why packets go the way they do. */
import { useEffect, useState } from 'preact/hooks';
import type { Picture, WebMember, WebWhy } from '../model.js';
import { why } from './feed.js';
import { ago, bits, bytes, round } from './format.js';
import { Told } from './told.js';

interface Props {
  readonly network: string | undefined;
  readonly member: WebMember;
  readonly picture: Picture;
  readonly rate: number;
  readonly choose: (id: string) => void;
  readonly close: () => void;
}

export function Details({ network, member, picture, rate, choose, close }: Props) {
  const [answer, setAnswer] = useState<WebWhy | string>('');
  const { id, path } = member;
  useEffect(() => {
    let over = false;
    const ask = (): void => {
      why(network, id).then(
        (found) => {
          if (!over) setAnswer(found);
        },
        (thrown: unknown) => {
          if (!over) setAnswer(thrown instanceof Error ? thrown.message : String(thrown));
        },
      );
    };
    ask();
    return () => {
      over = true;
    };
  }, [network, id, path]);

  const { here } = member;
  const facts: readonly (readonly [string, string])[] = [
    ['Address', member.ip],
    ['State', member.state],
    ['Way', path === null ? 'none' : `${path} ${member.endpoint}`],
    ['Round trip', round(member.rttMs)],
    ['Link', here ? '' : (member.link ?? 'none')],
    ['Here since', here?.since ? new Date(here.since).toLocaleString() : ''],
    ['Member since', here?.joined ? new Date(here.joined).toLocaleString() : ''],
    ['Certificate until', here ? new Date(here.expires).toLocaleDateString() : ''],
    ['May change the network', here?.admin ? 'yes, an admin' : ''],
    ['Traffic', `${bits(rate)}; ${bytes(member.rxBytes)} in, ${bytes(member.txBytes)} out`],
    ['Seen', member.seenAt === null ? '' : ago(member.seenAt)],
    ['Id', member.id],
  ];
  return (
    <section class="details" aria-label={`Member ${member.name}`}>
      <header>
        <h2>{member.name}</h2>
        <button type="button" onClick={close} aria-label="Close">
          ×
        </button>
      </header>
      <dl>
        {facts
          .filter(([, value]) => value !== '')
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
      {typeof answer === 'string' ? (
        <p>{answer}</p>
      ) : (
        <>
          {answer.advice.map((line) => (
            <p key={line}>{line}</p>
          ))}
          {answer.candidates.length > 0 && (
            <details>
              <summary>{answer.candidates.length} addresses</summary>
              <ul>
                {answer.candidates.map(({ endpoint, kind, state }) => (
                  <li key={`${kind} ${endpoint}`}>
                    <code>{endpoint}</code> {kind}: {state}
                  </li>
                ))}
              </ul>
            </details>
          )}
          {answer.log.length > 0 && (
            <>
              <h3>What was decided</h3>
              <ol class="log">
                {answer.log
                  .slice(-40)
                  .reverse()
                  .map(({ at, event, detail }, i) => (
                    <li key={`${at} ${i}`}>
                      <time dateTime={at}>{new Date(at).toLocaleTimeString()}</time> {event} {detail}
                    </li>
                  ))}
              </ol>
            </>
          )}
        </>
      )}
      {picture.self && <Told network={network} member={member} picture={picture} choose={choose} />}
    </section>
  );
}
