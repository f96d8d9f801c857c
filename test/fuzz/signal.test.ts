import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxNamed, parseToNode, parseToRelay } from '../../src/core/wire/signal.js';

const id = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 32, maxLength: 32 });
const bytes = fc.string({ unit: fc.constantFrom(...'AZaz09-_'), maxLength: 40 });
const members = fc.array(bytes, { maxLength: maxNamed });
const query = fc.integer({ min: 0, max: 0xffff_ffff });

describe('messages between node and relay', () => {
  it('round-trip', () => {
    const toRelay = fc.oneof(
      fc.record({
        type: fc.constant('locate'),
        targets: fc.array(id, { minLength: 1, maxLength: maxNamed }),
      }),
      fc.record({ type: fc.constant('find'), query, text: fc.string({ maxLength: 64 }) }),
      fc.record({ type: fc.constant('find'), query, ids: fc.array(id, { maxLength: maxNamed }) }),
      fc.record({ type: fc.constant('find'), query, mac: id.map((text) => text.slice(0, 12)) }),
    );
    const toNode = fc.oneof(
      fc.record({ type: fc.constant('located'), members }),
      fc.record({
        type: fc.constant('found'),
        query,
        members,
        online: fc.array(id, { maxLength: maxNamed }),
      }),
      fc.record({ type: fc.constant('roster'), complete: fc.boolean(), size: query }),
    );
    fc.assert(
      fc.property(toRelay, (message) => {
        expect(parseToRelay(JSON.stringify(message))).toEqual(message);
      }),
    );
    fc.assert(
      fc.property(toNode, (message) => {
        expect(parseToNode(JSON.stringify(message))).toEqual(message);
      }),
    );
  });

  it('with too much in them are none', () => {
    const targets = new Array<string>(maxNamed + 1).fill('0'.repeat(32));
    expect(parseToRelay(JSON.stringify({ type: 'locate', targets }))).toBeUndefined();
    expect(parseToRelay(JSON.stringify({ type: 'locate', targets: [] }))).toBeUndefined();
    expect(parseToRelay(JSON.stringify({ type: 'find', query: 1, ids: targets }))).toBeUndefined();
    expect(parseToRelay(JSON.stringify({ type: 'find', query: 1, text: 'x'.repeat(65) }))).toBeUndefined();
    expect(parseToNode(JSON.stringify({ type: 'located', members: targets }))).toBeUndefined();
  });

  it('made up, they are no reason to throw', () => {
    const types = ['hello', 'ping', 'locate', 'find', 'welcome', 'found', 'located', 'roster', 'member'];
    const close = fc.record(
      {
        type: fc.constantFrom(...types),
        query: fc.anything(),
        targets: fc.anything(),
        ids: fc.anything(),
        members: fc.anything(),
        online: fc.anything(),
      },
      { requiredKeys: ['type'] },
    );
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      close.map((value) => {
        try {
          return JSON.stringify(value);
        } catch {
          return ''; // what has no JSON form cannot be sent
        }
      }),
    );
    fc.assert(
      fc.property(text, (one) => {
        for (const message of [parseToRelay(one), parseToNode(one)]) {
          if (message) expect(types).toContain(message.type);
        }
      }),
    );
  });
});
