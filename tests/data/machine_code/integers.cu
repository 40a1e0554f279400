extern "C" __global__ void integers(const int a, const int b, const long long c, const long long d, const unsigned e, const unsigned f, int* small, long long* large) {
    const int t = threadIdx.x;
    const int i = a + 37 * t;
    small[0] = i / b; small[1] = i % b; small[2] = (unsigned)i / f; small[3] = e % (f + t);
    small[4] = __mulhi(i, b); small[5] = __umulhi(e, i); small[6] = i >> (t & 7); small[7] = e >> (t & 15); small[8] = i << (t % 5);
    small[9] = min(i, b * t); small[10] = max(i, b * t); small[11] = (i ^ b) & ~t | (e & 0xff00); small[12] = i < b ? i : b; small[13] = abs(b - i);
    large[0] = (c + t) / (d + t); large[1] = (c + t) % d; large[2] = c * d + i; large[3] = (long long)i * b + c; large[4] = c >> (t % 40); large[5] = (c - d) << 3;
    large[6] = (unsigned long long)c / (unsigned)f; large[7] = c < d + i ? c : d; large[8] = (long long)a * t - c; large[9] = (c + 7) / 8 * 8;
    int s = 0;
    for (int k = t; k < a; k += b) s += k & 1 ? k : -3;
    small[14] = s;
    small[15] = (t >= 5 && i < a * 3) || e == f ? 11 : 22;
    if (t & 1) { if (i > 3 * b) s = 5; else { for (int k = 0; k < t; ++k) s = s * 3 + k; } }
    small[16] = s;
}
