/**
 * What is new in a picture, and the picture that comes of it: of a thousand members few change from one moment to the
 * next. What did not change stays the same object, so that the page sees at once what it need not draw again. The page is
 * built of it, too.
 */
import type { Change, Picture, WebMember, WebTold } from './model.js';

const fields = [
  'name',
  'ip',
  'state',
  'path',
  'endpoint',
  'rttMs',
  'link',
  'rxBytes',
  'txBytes',
  'seenAt',
] as const satisfies readonly (keyof WebMember)[];

function sameMember(a: WebMember, b: WebMember): boolean {
  for (const field of fields) if (a[field] !== b[field]) return false;
  const [here, there] = [a.here, b.here];
  if (!here || !there) return here === there;
  return (
    here.since === there.since &&
    here.joined === there.joined &&
    here.expires === there.expires &&
    here.admin === there.admin
  );
}

/** Undefined where only the whole picture tells it: of another network, or one whose links are numbered by its members. */
export function changeOf(before: Picture, now: Picture): Change | undefined {
  if (before.network.id !== now.network.id || before.links || now.links) return undefined;
  if (!now.self && !now.relay) return undefined;
  if (JSON.stringify(before.network) !== JSON.stringify(now.network)) return undefined;
  // Of a node, which is asked for its members more seldom than for itself, they are often the very same.
  const [old, current] = before.members === now.members ? [[], []] : [before.members, now.members];
  const earlier = new Map(old.map((member) => [member.id, member]));
  const members = current.filter((member) => {
    const was = earlier.get(member.id);
    earlier.delete(member.id);
    return !was || !sameMember(was, member);
  });
  const said = new Map((before.told ?? []).map((told) => [told.by, told]));
  const told = (now.told ?? []).filter((one) => {
    const was = said.get(one.by);
    said.delete(one.by);
    return was !== one;
  });
  const { at, membersAt, self, relay, relays, size } = now;
  return {
    kind: 'change',
    at,
    self,
    ...(relay ? { relay } : {}),
    ...(JSON.stringify(before.relays) === JSON.stringify(relays) ? {} : { relays }),
    size,
    ...(members.length === 0 ? {} : { members }),
    ...(membersAt === undefined ? {} : { membersAt }),
    ...(earlier.size === 0 ? {} : { gone: [...earlier.keys()] }),
    ...(told.length === 0 ? {} : { told }),
    ...(said.size === 0 ? {} : { untold: [...said.keys()] }),
  };
}

/** `list` with what is new of it, in its order, new ones last; the same list where nothing is. */
function merged<T>(
  list: readonly T[],
  key: (one: T) => string,
  fresh: readonly T[] = [],
  gone: readonly string[] = [],
): readonly T[] {
  if (fresh.length === 0 && gone.length === 0) return list;
  const news = new Map(fresh.map((one) => [key(one), one]));
  const over = new Set(gone);
  const out = list.flatMap((one) => {
    const id = key(one);
    if (over.has(id)) return [];
    const now = news.get(id) ?? one;
    news.delete(id);
    return [now];
  });
  return [...out, ...news.values()];
}

const idOf = ({ id }: WebMember): string => id;
const byOf = ({ by }: WebTold): string => by;

export function applied(before: Picture, change: Change): Picture {
  const { at, self, size, relay, relays = before.relays, membersAt } = change;
  const members = merged(before.members, idOf, change.members, change.gone);
  const told = merged(before.told ?? none, byOf, change.told, change.untold);
  const when = membersAt === undefined ? {} : { membersAt };
  return { ...before, at, self, size, ...(relay ? { relay } : {}), relays, members, ...when, told };
}

const none: readonly WebTold[] = [];
