/**
 * The part of the dissector that opens packets (wire/packet.ts): AES-256-GCM (FIPS 197, NIST SP 800-38D) and ChaCha20-Poly1305
 * (RFC 8439), tags checked, in plain Lua: the Lua of Wireshark 4.0 has no ciphers. It goes by tables and looks at no clock: what
 * it opens is opened for its reader, after the fact.
 *
 * Words of 32 bits are those of bit32 (Lua 5.2) or of Wireshark's own `bit`, which are signed there; sums and products stay below 2^53.
 * Poly1305 counts in limbs of 22 bits.
 */
export const ciphers = String.raw`
local bits = bit32 or bit
-- open[suite](key, header, sealed, tag): the plaintext, nil where the tag is another. The key is 32 bytes, made ready by ready[suite].
local open, ready = {}, {}

if bits then
  local band, bxor, lshift, rshift = bits.band, bits.bxor, bits.lshift, bits.rshift
  local rol = bits.lrotate or bits.rol
  local byte, char, floor = string.byte, string.char, math.floor

  -- big and little endian
  local function word(s, at)
    local a, b, c, d = byte(s, at, at + 3)
    return a * 0x1000000 + b * 0x10000 + c * 0x100 + d
  end
  local function low_word(s, at)
    local a, b, c, d = byte(s, at, at + 3)
    return d * 0x1000000 + c * 0x10000 + b * 0x100 + a
  end
  local function put(w)
    return char(rshift(w, 24), band(rshift(w, 16), 255), band(rshift(w, 8), 255), band(w, 255))
  end
  local function put_low(w)
    return char(band(w, 255), band(rshift(w, 8), 255), band(rshift(w, 16), 255), rshift(w, 24))
  end
  local function padded(s) return s .. string.rep("\0", -#s % 16) end

  -- counter, the first three bytes of the header, length of the plaintext
  local function associated(header, sealed)
    return header:sub(9, 16) .. header:sub(1, 3) .. char(floor(#sealed / 256) % 256, #sealed % 256)
  end

  -- AES-256, forward only -------------------------------------------------------------------------------------------------

  local sbox, t0, t1, t2, t3 = {}, {}, {}, {}, {}
  local function double(x) return band(bxor(lshift(x, 1), x >= 128 and 0x11b or 0), 255) end
  local function turn(x, n) return band(bxor(lshift(x, n), rshift(x, 8 - n)), 255) end
  sbox[0] = 0x63
  do -- p runs over all powers of 3, q is its inverse
    local p, q = 1, 1
    repeat
      p = bxor(p, double(p))
      q = bxor(q, lshift(q, 1))
      q = bxor(q, lshift(q, 2))
      q = band(bxor(q, lshift(q, 4)), 255)
      if q >= 128 then q = bxor(q, 9) end
      sbox[p] = bxor(q, turn(q, 1), turn(q, 2), turn(q, 3), turn(q, 4), 0x63)
    until p == 1
  end
  for i = 0, 255 do
    local s = sbox[i]
    t0[i] = bxor(lshift(double(s), 24), lshift(s, 16), lshift(s, 8), bxor(s, double(s)))
    t1[i], t2[i], t3[i] = rol(t0[i], 24), rol(t0[i], 16), rol(t0[i], 8)
  end

  local function substitute(w)
    return bxor(lshift(sbox[rshift(w, 24)], 24), lshift(sbox[band(rshift(w, 16), 255)], 16),
      lshift(sbox[band(rshift(w, 8), 255)], 8), sbox[band(w, 255)])
  end

  -- 60 words of round keys
  local function schedule(key)
    local k, round = {}, 1
    for i = 0, 7 do k[i] = word(key, 4 * i + 1) end
    for i = 8, 59 do
      local w = k[i - 1]
      if i % 8 == 0 then
        w = bxor(substitute(rol(w, 8)), lshift(round, 24))
        round = double(round)
      elseif i % 8 == 4 then
        w = substitute(w)
      end
      k[i] = bxor(k[i - 8], w)
    end
    return k
  end

  local function encrypt(k, a, b, c, d)
    a, b, c, d = bxor(a, k[0]), bxor(b, k[1]), bxor(c, k[2]), bxor(d, k[3])
    for r = 4, 52, 4 do
      a, b, c, d =
        bxor(t0[rshift(a, 24)], t1[band(rshift(b, 16), 255)], t2[band(rshift(c, 8), 255)], t3[band(d, 255)], k[r]),
        bxor(t0[rshift(b, 24)], t1[band(rshift(c, 16), 255)], t2[band(rshift(d, 8), 255)], t3[band(a, 255)], k[r + 1]),
        bxor(t0[rshift(c, 24)], t1[band(rshift(d, 16), 255)], t2[band(rshift(a, 8), 255)], t3[band(b, 255)], k[r + 2]),
        bxor(t0[rshift(d, 24)], t1[band(rshift(a, 16), 255)], t2[band(rshift(b, 8), 255)], t3[band(c, 255)], k[r + 3])
    end
    local function last(p, q, s, t, w)
      return bxor(lshift(sbox[rshift(p, 24)], 24), lshift(sbox[band(rshift(q, 16), 255)], 16),
        lshift(sbox[band(rshift(s, 8), 255)], 8), sbox[band(t, 255)], w)
    end
    return last(a, b, c, d, k[56]), last(b, c, d, a, k[57]), last(c, d, a, b, k[58]), last(d, a, b, c, k[59])
  end

  -- GHASH, a byte at a time -----------------------------------------------------------------------------------------------

  -- x times the element: a step to the right, since its bits are mirrored
  local function times_x(a, b, c, d)
    return bxor(rshift(a, 1), band(d, 1) == 1 and 0xe1000000 or 0), bxor(rshift(b, 1), lshift(band(a, 1), 31)),
      bxor(rshift(c, 1), lshift(band(b, 1), 31)), bxor(rshift(d, 1), lshift(band(c, 1), 31))
  end
  -- what a byte that leaves on the right comes back as
  local back = {}
  for i = 0, 255 do
    local a, b, c, d = 0, 0, 0, i
    for _ = 1, 8 do a, b, c, d = times_x(a, b, c, d) end
    back[i] = a
  end

  -- multiples of h by each byte
  local function multiples(a, b, c, d)
    local m = { {}, {}, {}, {} }
    for w = 1, 4 do m[w][0] = 0 end
    local bit = 128
    while bit >= 1 do
      m[1][bit], m[2][bit], m[3][bit], m[4][bit] = a, b, c, d
      a, b, c, d = times_x(a, b, c, d)
      bit = floor(bit / 2)
    end
    for high = 1, 7 do
      local top = lshift(1, high)
      for low = 1, top - 1 do
        for w = 1, 4 do m[w][top + low] = bxor(m[w][top], m[w][low]) end
      end
    end
    return m
  end

  local function times_h(m, a, b, c, d)
    local m1, m2, m3, m4 = m[1], m[2], m[3], m[4]
    local z1, z2, z3, z4 = 0, 0, 0, 0
    for w = 4, 1, -1 do
      local from = w == 4 and d or w == 3 and c or w == 2 and b or a
      for by = 0, 24, 8 do
        local x, out = band(rshift(from, by), 255), band(z4, 255)
        z4 = bxor(rshift(z4, 8), lshift(band(z3, 255), 24), m4[x])
        z3 = bxor(rshift(z3, 8), lshift(band(z2, 255), 24), m3[x])
        z2 = bxor(rshift(z2, 8), lshift(band(z1, 255), 24), m2[x])
        z1 = bxor(rshift(z1, 8), back[out], m1[x])
      end
    end
    return z1, z2, z3, z4
  end

  ready[1] = function(key)
    local k = schedule(key)
    return { schedule = k, multiples = multiples(encrypt(k, 0, 0, 0, 0)) }
  end

  open[1] = function(key, header, sealed, tag)
    local k, m = key.schedule, key.multiples
    local n1, n2 = word(header, 9), word(header, 13)
    local y1, y2, y3, y4 = 0, 0, 0, 0
    local function hash(s)
      for at = 1, #s, 16 do
        y1, y2, y3, y4 = times_h(m, bxor(y1, word(s, at)), bxor(y2, word(s, at + 4)), bxor(y3, word(s, at + 8)),
          bxor(y4, word(s, at + 12)))
      end
    end
    hash(padded(associated(header, sealed)))
    hash(padded(sealed))
    y1, y2, y3, y4 = times_h(m, y1, bxor(y2, 8 * 13), y3, bxor(y4, 8 * #sealed))
    local e1, e2, e3, e4 = encrypt(k, 0, n1, n2, 1)
    if put(bxor(y1, e1)) .. put(bxor(y2, e2)) .. put(bxor(y3, e3)) .. put(bxor(y4, e4)) ~= tag then return nil end
    local out, whole = {}, padded(sealed)
    for at = 1, #whole, 16 do
      e1, e2, e3, e4 = encrypt(k, 0, n1, n2, floor(at / 16) + 2)
      out[#out + 1] = put(bxor(e1, word(whole, at))) .. put(bxor(e2, word(whole, at + 4)))
        .. put(bxor(e3, word(whole, at + 8))) .. put(bxor(e4, word(whole, at + 12)))
    end
    return table.concat(out):sub(1, #sealed)
  end

  -- ChaCha20 --------------------------------------------------------------------------------------------------------------

  local function plus(a, b) return band(a + b, 0xffffffff) end
  local function quarter(x, a, b, c, d)
    local p, q, r, s = x[a], x[b], x[c], x[d]
    p = plus(p, q) s = rol(bxor(s, p), 16)
    r = plus(r, s) q = rol(bxor(q, r), 12)
    p = plus(p, q) s = rol(bxor(s, p), 8)
    r = plus(r, s) q = rol(bxor(q, r), 7)
    x[a], x[b], x[c], x[d] = p, q, r, s
  end

  -- 64 bytes of the stream
  local function stream(key, header, count)
    local from = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 }
    for i = 1, 8 do from[4 + i] = key[i] end
    from[13], from[14], from[15], from[16] = count, 0, low_word(header, 9), low_word(header, 13)
    local x = {}
    for i = 1, 16 do x[i] = from[i] end
    for _ = 1, 10 do
      quarter(x, 1, 5, 9, 13) quarter(x, 2, 6, 10, 14) quarter(x, 3, 7, 11, 15) quarter(x, 4, 8, 12, 16)
      quarter(x, 1, 6, 11, 16) quarter(x, 2, 7, 12, 13) quarter(x, 3, 8, 9, 14) quarter(x, 4, 5, 10, 15)
    end
    for i = 1, 16 do x[i] = plus(x[i], from[i]) end
    return x
  end

  -- Poly1305 --------------------------------------------------------------------------------------------------------------

  local limb = 2 ^ 22
  -- 16 bytes, and what stands above them
  local function limbs(s, at, top)
    local b = { byte(s, at, at + 15) }
    return {
      b[1] + b[2] * 2 ^ 8 + b[3] % 64 * 2 ^ 16,
      floor(b[3] / 64) + b[4] * 2 ^ 2 + b[5] * 2 ^ 10 + b[6] % 16 * 2 ^ 18,
      floor(b[6] / 16) + b[7] * 2 ^ 4 + b[8] * 2 ^ 12 + b[9] % 4 * 2 ^ 20,
      floor(b[9] / 4) + b[10] * 2 ^ 6 + b[11] * 2 ^ 14,
      b[12] + b[13] * 2 ^ 8 + b[14] % 64 * 2 ^ 16,
      floor(b[14] / 64) + b[15] * 2 ^ 2 + b[16] * 2 ^ 10 + top * 2 ^ 18,
    }
  end
  -- what a limb has too much goes to the next; what the last has, times "around", to the first
  local function carry(h, size, around)
    local over = 0
    for i = 1, 6 do
      local unit = i == 6 and size or limb
      h[i] = h[i] + over
      over = floor(h[i] / unit)
      h[i] = h[i] - over * unit
    end
    h[1] = h[1] + over * around
  end

  -- of whole blocks, by the first 32 bytes of the stream
  local function poly1305(key, text)
    local clamped = {}
    for i = 1, 16 do
      local b = byte(key, i)
      if i % 4 == 0 then b = b % 16 elseif i % 4 == 1 and i > 1 then b = b - b % 4 end
      clamped[i] = char(b)
    end
    local r, h = limbs(table.concat(clamped), 1, 0), { 0, 0, 0, 0, 0, 0 }
    for at = 1, #text, 16 do
      local m, d = limbs(text, at, 1), { 0, 0, 0, 0, 0, 0 }
      for i = 1, 6 do
        local x = h[i] + m[i]
        for j = 1, 6 do
          -- 2^132 is 20, as 2^130 is 5
          if i + j > 7 then d[i + j - 7] = d[i + j - 7] + x * r[j] * 20 else d[i + j - 1] = d[i + j - 1] + x * r[j] end
        end
      end
      carry(d, limb, 20)
      h = d
    end
    -- below 2^130, then below 2^130 - 5
    for _ = 1, 3 do carry(h, 2 ^ 20, 5) end
    local g = { h[1] + 5, h[2], h[3], h[4], h[5], h[6] }
    for i = 1, 5 do
      local over = floor(g[i] / limb)
      g[i], g[i + 1] = g[i] - over * limb, g[i + 1] + over
    end
    if g[6] >= 2 ^ 20 then
      g[6] = g[6] - 2 ^ 20
      h = g
    end
    local out, held, count, next = {}, 0, 0, 1
    for i = 1, 16 do
      if count < 8 then
        held = held + h[next] * 2 ^ count
        next, count = next + 1, count + 22
      end
      held = held + byte(key, 16 + i)
      out[i] = char(held % 256)
      held, count = floor(held / 256), count - 8
    end
    return table.concat(out)
  end

  local function long(n) return char(n % 256, floor(n / 256) % 256, floor(n / 65536) % 256, 0, 0, 0, 0, 0) end

  ready[2] = function(key)
    local k = {}
    for i = 1, 8 do k[i] = low_word(key, 4 * i - 3) end
    return k
  end

  open[2] = function(key, header, sealed, tag)
    local once = {}
    for i, w in ipairs(stream(key, header, 0)) do if i <= 8 then once[i] = put_low(w) end end
    local text = padded(associated(header, sealed)) .. padded(sealed) .. long(13) .. long(#sealed)
    if poly1305(table.concat(once), text) ~= tag then return nil end
    local out, whole = {}, sealed .. string.rep("\0", -#sealed % 64)
    for at = 1, #whole, 64 do
      local x = stream(key, header, floor(at / 64) + 1)
      for i = 1, 16 do out[#out + 1] = put_low(bxor(x[i], low_word(whole, at + 4 * i - 4))) end
    end
    return table.concat(out):sub(1, #sealed)
  end
end
`;
