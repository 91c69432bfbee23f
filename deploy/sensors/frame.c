/* Frames for a sensor's line. Plain C99, no allocation.
 *
 * frame() writes one frame with its line end into out and returns its length, or
 * 0 where it does not fit; the number is spent in any case. age_ms is the time
 * since the broadcast was heard, 0 to 5000, or negative where the record has a
 * "ts" of its own. record is a JSON object on one line.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

static uint16_t crc16(const char *p, size_t n)
{
    uint16_t c = 0xFFFF;
    while (n--) {
        c ^= (uint16_t)((uint8_t)*p++ << 8);
        for (int i = 0; i < 8; i++)
            c = (c & 0x8000) ? (uint16_t)(c << 1 ^ 0x1021) : (uint16_t)(c << 1);
    }
    return c;
}

size_t frame(char *out, size_t size, uint32_t *number, int age_ms, const char *record)
{
    static const char dollar[] = "\\u0024";
    uint32_t seq = (*number)++;
    int head = age_ms < 0 ? snprintf(out, size, "$%lu,,", (unsigned long)seq)
                          : snprintf(out, size, "$%lu,%d,", (unsigned long)seq, age_ms);
    if (head < 0 || age_ms > 5000)
        return 0;
    size_t n = (size_t)head;
    for (; *record; record++) {
        const char *part = *record == '$' ? dollar : record;
        size_t len = *record == '$' ? sizeof dollar - 1 : 1;
        if (n + len + 7 > size)
            return 0;
        while (len--)
            out[n++] = *part++;
    }
    if (n + 5 > 1024 || n + 7 > size)
        return 0;
    n += (size_t)snprintf(out + n, size - n, "*%04X\n", crc16(out + 1, n - 1));
    return n;
}

#ifdef TRY
/* Reads an age and a record a line from standard input, and writes frames. */
#include <stdlib.h>
#include <string.h>

int main(void)
{
    char line[4096], out[1100];
    uint32_t number = 0;
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        char *record;
        long age = strtol(line, &record, 10);
        size_t n = frame(out, sizeof out, &number, (int)age, record + 1);
        fwrite(out, 1, n, stdout);
    }
    return 0;
}
#endif
