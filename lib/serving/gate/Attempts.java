package lakehouse.gate;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * Counts wrong passwords, and says how long the client must wait. There are three counts: for an account at an address,
 * so that a stranger locks out nobody at other addresses; for an address, so that many names give no more tries; and
 * for an account, so that many addresses give no more tries. The last two only slow down, and the last one does not
 * count where the password was right before.
 */
final class Attempts {
  private static final int FREE = 5; // wrong passwords without a wait
  private static final int LONGEST_SECONDS = 300;
  private static final int ADDRESS = 50;
  private static final int ACCOUNT = 50;
  private static final long FORGOTTEN = TimeUnit.MINUTES.toNanos(15);
  private static final long PROVED = TimeUnit.HOURS.toNanos(24);
  private static final long BETWEEN = TimeUnit.SECONDS.toNanos(1);
  private static final long PATIENCE = TimeUnit.SECONDS.toNanos(5);
  private static final int REMEMBERED = 10_000;

  private static final class Count {
    private int wrong;
    private long blockedUntil;
    private long last;
    private long proved;
    private long nextTurn;
    private boolean isProved;
  }

  private final Map<String, Count> counts =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Count> eldest) {
          return size() > REMEMBERED;
        }
      };

  private Count count(String key, long now) {
    Count count = counts.computeIfAbsent(key, fresh -> new Count());
    if (now - count.last > FORGOTTEN) {
      count.wrong = 0;
    }
    return count;
  }

  private static String pair(String account, String address) {
    return account + " at " + address;
  }

  /** Whether this account is blocked at this address. */
  synchronized boolean isBlocked(String account, String address, long now) {
    Count count = count(pair(account, address), now);
    return count.wrong > FREE && now - count.blockedUntil < 0;
  }

  /** Whether there were so many wrong passwords from this address that its next tries take turns. */
  synchronized boolean isSlow(String address, long now) {
    return count(address, now).wrong > ADDRESS;
  }

  /** Nanoseconds to wait for a turn; negative if too many are waiting already. */
  synchronized long turn(String account, String address, long now) {
    Count here = count(pair(account, address), now);
    boolean slow = count(account + " anywhere", now).wrong > ACCOUNT && !(here.isProved && now - here.proved < PROVED);
    long wait = isSlow(address, now) ? wait(count(address, now), now) : 0;
    return slow && wait >= 0 ? Math.max(wait, wait(count(account + " anywhere", now), now)) : wait;
  }

  private static long wait(Count count, long now) {
    long wait = Math.max(0, count.nextTurn - now);
    if (wait > PATIENCE) {
      return -1;
    }
    count.nextTurn = now + wait + BETWEEN;
    return wait;
  }

  /** Counts a wrong password; returns for how many seconds the account is now blocked at the address. */
  synchronized int wrong(String account, String address, long now) {
    for (String key : Set.of(pair(account, address), address, account + " anywhere")) {
      Count count = count(key, now);
      count.wrong++;
      count.last = now;
    }
    Count here = count(pair(account, address), now);
    int over = Math.min(here.wrong - FREE, 16);
    int seconds = over <= 0 ? 0 : Math.min(LONGEST_SECONDS, 1 << over);
    here.blockedUntil = now + TimeUnit.SECONDS.toNanos(seconds);
    return seconds;
  }

  synchronized void right(String account, String address, long now) {
    Count count = count(pair(account, address), now);
    count.wrong = 0;
    count.isProved = true;
    count.proved = now;
  }
}
