/** The twelve interactive handshake patterns of Noise revision 34, section 7.5, as data. */

/** One step of a message. The first letter of a DH token is the initiator's key, the second the responder's. */
export type Token = 'e' | 's' | 'ee' | 'es' | 'se' | 'ss';

export interface Pattern {
  /** The initiator's (responder's) static key is known to the other side beforehand. */
  readonly initiatorKnown: boolean;
  readonly responderKnown: boolean;
  /** Messages in turn, the initiator's first. */
  readonly messages: readonly (readonly Token[])[];
}

function pattern(known: '' | 'i' | 'r' | 'ir', ...messages: readonly string[]): Pattern {
  return {
    initiatorKnown: known.includes('i'),
    responderKnown: known.includes('r'),
    messages: messages.map((line) => line.split(' ') as Token[]),
  };
}

export const patterns = {
  NN: pattern('', 'e', 'e ee'),
  NK: pattern('r', 'e es', 'e ee'),
  NX: pattern('', 'e', 'e ee s es'),
  KN: pattern('i', 'e', 'e ee se'),
  KK: pattern('ir', 'e es ss', 'e ee se'),
  KX: pattern('i', 'e', 'e ee se s es'),
  XN: pattern('', 'e', 'e ee', 's se'),
  XK: pattern('r', 'e es', 'e ee', 's se'),
  XX: pattern('', 'e', 'e ee s es', 's se'),
  IN: pattern('', 'e s', 'e ee se'),
  IK: pattern('r', 'e es s ss', 'e ee se'),
  IX: pattern('', 'e s', 'e ee se s es'),
} as const;

export type PatternName = keyof typeof patterns;
