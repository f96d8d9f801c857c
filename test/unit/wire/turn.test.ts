import { describe, expect, it } from 'vitest';
import { ByteWriter, fromHex as bytesOf, toHex, utf8 } from '../../../src/core/lib/bytes.js';
import { encodeAllocate, encodeSigned, parseAllocateAnswer } from '../../../src/core/wire/turn.js';

const fromHex = (text: string): Uint8Array => bytesOf(text) as Uint8Array;
const id = fromHex('78ad3433c6ad72c029da412e');

describe('TURN', () => {
  it('signs as RFC 5769 section 2.4 has it', () => {
    const signed = encodeSigned(1, id, new ByteWriter(64), {
      user: 'マトリックス',
      password: 'TheMatrIX',
      realm: utf8('example.org'),
      nonce: utf8('f//499k954d6OL34oL9FSTvy64sA'),
    });
    expect(toHex(signed)).toBe(
      '000100602112a44278ad3433c6ad72c029da412e' +
        '00060012e3839ee38388e383aae38383e382afe382b90000' +
        '0015001c662f2f3439396b39353464364f4c33346f4c39465354767936347341' +
        '0014000b6578616d706c652e6f726700' +
        '00080014f67024656dd64a3e02b8e0712e85c9a28ca89666',
    );
  });

  it('takes answers to Allocate, and nothing else for one', () => {
    expect(parseAllocateAnswer(encodeAllocate(id))).toBeUndefined();
    const bare = fromHex('010300002112a44278ad3433c6ad72c029da412e');
    expect(parseAllocateAnswer(bare)).toMatchObject({ code: 0, transactionId: id });
    const refusal = '011300082112a44278ad3433c6ad72c029da412e00090004';
    expect(parseAllocateAnswer(fromHex(`${refusal}00000401`))).toMatchObject({ code: 401 });
    // No code of an error, and none at all.
    expect(parseAllocateAnswer(fromHex(`${refusal}00000200`))).toBeUndefined();
    expect(parseAllocateAnswer(fromHex('011300002112a44278ad3433c6ad72c029da412e'))).toBeUndefined();
  });
});
