package lakehouse.gate;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/**
 * A limited number of one user's statements run at once; the user's other statements wait, but no other user does.
 * After a statement that was too large or took long, the user's next ones run one by one for a while.
 */
final class Turns {
  private static final int AT_ONCE = 4;
  private static final int WAITING = 40;
  private static final long LONG = TimeUnit.SECONDS.toNanos(20);
  private static final long WHILE = TimeUnit.SECONDS.toNanos(60);
  private static final int PAUSE_MS = 300;
  private static final Map<String, Long> COSTLY = new ConcurrentHashMap<>();
  private static final long PATIENCE = TimeUnit.SECONDS.toNanos(45);
  private static final int LOOK_MS = 20;

  private static final class Of {
    private int starting;
    private int waiting;
    private final List<BooleanSupplier> running = new ArrayList<>();
  }

  private final Map<String, Of> users = new HashMap<>();

  /** The user's statement was too large or took too long: its turn lasts a moment longer. */
  static void wasCostly(String user) {
    if (user != null) {
      COSTLY.put(user, System.nanoTime());
      try {
        Thread.sleep(PAUSE_MS);
      } catch (InterruptedException gone) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static int atOnce(String user) {
    Long last = COSTLY.get(user);
    return last != null && System.nanoTime() - last < WHILE ? 1 : AT_ONCE;
  }

  /** Waits for a turn; throws {@link Refused} if none comes. The result must be passed to {@link #started}. */
  synchronized void await(String user) {
    Of own = users.computeIfAbsent(user, first -> new Of());
    long until = System.nanoTime() + PATIENCE;
    Text.atMost(WAITING, own.waiting + 1, "more than " + WAITING + " statements of one user that wait");
    own.waiting++;
    try {
      while (own.starting + running(own) >= atOnce(user)) {
        Text.atMost(until, System.nanoTime(), "more than " + AT_ONCE + " statements of one user at once");
        wait(LOOK_MS);
      }
      own.starting++;
    } catch (InterruptedException gone) {
      Thread.currentThread().interrupt();
      throw new Refused("a statement whose client has gone", null);
    } finally {
      own.waiting--;
    }
  }

  private static int running(Of own) {
    own.running.removeIf(going -> !going.getAsBoolean());
    return own.running.size();
  }

  /** It has ended, or goes on as long as `going` is true. */
  synchronized void started(String user, BooleanSupplier going, long nanos) {
    if (nanos > LONG) {
      COSTLY.put(user, System.nanoTime());
    }
    Of own = users.get(user);
    own.starting--;
    own.running.add(going);
    notifyAll();
  }
}
