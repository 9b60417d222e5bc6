/** Why an RSA public key is refused. */
export type RsaFault = 'rsa_modulus_size' | 'rsa_exponent' | 'rsa_roca'

/**
 * Why this RSA public key must not be trusted, or undefined when nothing is known against it: modulus of 2048 to 8192
 * bits and odd, public exponent odd, at least 65537 and at most 64 bits, and not a product of the ROCA generator
 * (V-10; NIST SP 800-56B section 6.2; CVE-2017-15361). Both numbers are unsigned big-endian bytes.
 */
export function findRsaFault(modulus: Buffer, exponent: Buffer): RsaFault | undefined {
  if (modulus.length < 256 || modulus.length > 1024) return 'rsa_modulus_size'
  const n = BigInt(`0x${modulus.toString('hex')}`)
  const bits = n.toString(2).length
  if (bits < 2048 || bits > 8192 || (n & 1n) === 0n) return 'rsa_modulus_size'
  if (exponent.length === 0 || exponent.length > 8) return 'rsa_exponent'
  const e = BigInt(`0x${exponent.toString('hex')}`)
  if (e < 65537n || (e & 1n) === 0n) return 'rsa_exponent'
  return isRocaModulus(n) ? 'rsa_roca' : undefined
}

const SMALL_PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
  127, 131, 137, 139, 149, 151, 157, 163, 167,
]

// Primes of the flawed generator are k*M + (65537^a mod M) with M the product of the first primes, so the modulus is a
// power of 65537 modulo each of them. A random modulus is so for all of them with probability below 2^-27.
const POWERS_OF_65537 = SMALL_PRIMES.map((prime) => {
  const powers = new Set<number>()
  for (let power = 1; !powers.has(power); power = (power * (65537 % prime)) % prime) powers.add(power)
  return { prime: BigInt(prime), powers }
})

function isRocaModulus(n: bigint): boolean {
  return POWERS_OF_65537.every(({ prime, powers }) => powers.has(Number(n % prime)))
}
