/**
 * The MAC of a pod that has an address of the network itself, as a port of the overlay's layer 2: it follows from the address,
 * so whoever may use the address may use the MAC, and nothing but the address has to be signed.
 *
 *   0a 58 | IPv4 address 4
 */

/** The first two bytes; the other four are the address. Locally administered, and customary for pods. */
export const podMacHigh = 0x0a58;
