/** `evio token list` as plain text. */
import { table } from '../format.js';

export interface TokenRow {
  readonly id: string;
  readonly expires: string;
  readonly uses: number;
  readonly role: string;
  readonly tags: readonly string[];
  readonly rights: readonly string[];
  readonly ephemeral: boolean;
  readonly approve: boolean;
  readonly state: string;
}

export function tokensText(tokens: readonly TokenRow[]): string {
  if (tokens.length === 0) return 'No tokens were made here.\n';
  return table(
    ['ID', 'STATE', 'EXPIRES', 'USES', 'ROLE', 'RIGHTS', 'TAGS'],
    tokens.map((token) => [
      token.id,
      token.state,
      token.expires,
      token.uses === 0 ? 'any' : String(token.uses),
      `${token.role}${token.ephemeral ? ', ephemeral' : ''}${token.approve ? ', waits' : ''}`,
      token.rights.join(',') || '-',
      token.tags.join(',') || '-',
    ]),
  );
}
