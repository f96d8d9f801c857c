/** Who may ask a node what it sees (shown.ts): the network's admins, every member, or nobody. */
export const audiences = ['admins', 'members', 'nobody'] as const;
export type Audience = (typeof audiences)[number];
