/** `evio token list` as plain text. */
import { table } from '../format.js';

export interface TokenRow {
  readonly id: string;
  readonly expires: string;
  readonly uses: number;
  readonly role: string;
  readonly tags: readonly string[];
  readonly state: string;
}

export function tokensText(tokens: readonly TokenRow[]): string {
  if (tokens.length === 0) return 'No tokens were made here.\n';
  return table(
    ['ID', 'STATE', 'EXPIRES', 'USES', 'ROLE', 'TAGS'],
    tokens.map((token) => [
      token.id,
      token.state,
      token.expires,
      token.uses === 0 ? 'any' : String(token.uses),
      token.role,
      token.tags.join(',') || '-',
    ]),
  );
}
