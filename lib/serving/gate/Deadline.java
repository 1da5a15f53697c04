package lakehouse.gate;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.SparkSessionExtensions;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.rules.Rule;
import org.apache.spark.sql.execution.SparkPlan;
import scala.runtime.AbstractFunction1;

/**
 * Ends a statement when its time, counted from its first letter, is over. Spark's own limit ends jobs and interrupts
 * waiting threads, but analyser and optimiser neither wait nor check for interrupts. So a rule among theirs checks the
 * clock at every round, and a watch interrupts, again and again, threads that are still at work after their time.
 */
final class Deadline {
  private static final long GRACE = TimeUnit.SECONDS.toNanos(2); // Spark's own limit comes first: its message is better
  private static final int TICK_MS = 500;
  private static final String AT_WORK = "SparkExecuteStatementOperation";

  private static volatile long nanos = TimeUnit.SECONDS.toNanos(45);
  private static final Map<Thread, Statement> RUNNING = new ConcurrentHashMap<>();
  private static volatile SparkContext context;

  /** The statement's end, the group of its jobs, and whether the watch has interrupted its thread. */
  private record Statement(long until, String jobs, AtomicBoolean told) {
    boolean isOver(long grace) {
      return System.nanoTime() - until > grace;
    }
  }

  private Deadline() {}

  /** A statement begins in this thread; the thread's earlier statement is over. */
  static void begin() {
    String jobs = context == null ? null : context.getLocalProperty("spark.jobGroup.id");
    Statement before =
        RUNNING.put(Thread.currentThread(), new Statement(System.nanoTime() + nanos, jobs, new AtomicBoolean()));
    if (before != null && before.told.get()) {
      Thread.interrupted(); // it was meant for the earlier statement
    }
  }

  /** This thread's statement is over: an interrupt that comes late would end its connection. */
  static synchronized void over() {
    RUNNING.remove(Thread.currentThread());
    Thread.interrupted();
  }

  /** The client of this thread's statement has disconnected: its time is over now. */
  static void end(Thread thread) {
    long past = System.nanoTime() - GRACE - 1;
    Statement ended = RUNNING.computeIfPresent(thread, (at, s) -> new Statement(past, s.jobs, s.told));
    if (ended != null) {
      end(thread, ended);
    }
    thread.interrupt();
  }

  /** Throws {@link Refused} in a thread whose statement's time is over, or whose client has given up. */
  static void check() {
    Statement statement = RUNNING.get(Thread.currentThread());
    if (statement != null && (statement.isOver(0) || Thread.currentThread().isInterrupted())) {
      throw Refused.costly("a statement that takes longer than " + TimeUnit.NANOSECONDS.toSeconds(nanos) + " s");
    }
  }

  static void watch(SparkContext jobs, int seconds) {
    context = jobs;
    nanos = TimeUnit.SECONDS.toNanos(seconds);
    Thread watch = new Thread(Deadline::look, "statements' time");
    watch.setDaemon(true);
    watch.setPriority(Thread.MAX_PRIORITY);
    watch.start();
  }

  private static void look() {
    while (true) {
      try {
        Thread.sleep(TICK_MS);
        RUNNING.forEach(Deadline::look);
      } catch (InterruptedException stopped) {
        return;
      } catch (RuntimeException odd) {
        Journal.line("the watch of the statements' time goes on after " + odd.getClass().getSimpleName());
      }
    }
  }

  private static void look(Thread thread, Statement statement) {
    if (statement.isOver(GRACE)) {
      end(thread, statement);
    }
  }

  /** Ends its jobs, later ones too, and interrupts its thread, which may not check the clock. */
  private static void end(Thread thread, Statement statement) {
    if (!statement.told.getAndSet(true) && statement.jobs != null) {
      context.cancelJobGroupAndFutureJobs(statement.jobs);
    }
    interrupt(thread, statement);
  }

  private static synchronized void interrupt(Thread thread, Statement statement) {
    if (RUNNING.get(thread) == statement && isAtWork(thread)) {
      thread.interrupt();
    } else {
      RUNNING.remove(thread, statement);
    }
  }

  private static boolean isAtWork(Thread thread) {
    for (StackTraceElement frame : thread.getStackTrace()) {
      if (frame.getClassName().contains(AT_WORK)) {
        return true;
      }
    }
    return false;
  }

  /** Checks the clock at every place where Spark accepts extensions between a statement's text and its jobs. */
  static void inject(SparkSessionExtensions extensions) {
    extensions.injectHintResolutionRule(new Each<>(new Plans()));
    extensions.injectResolutionRule(new Each<>(new Plans()));
    extensions.injectPostHocResolutionRule(new Each<>(new Plans()));
    extensions.injectOptimizerRule(new Each<>(new Plans()));
    extensions.injectPreCBORule(new Each<>(new Plans()));
    extensions.injectQueryStagePrepRule(new Each<>(new Stages()));
    extensions.injectQueryPostPlannerStrategyRule(new Each<>(new Stages()));
  }

  private static final class Plans extends Rule<LogicalPlan> {
    @Override
    public LogicalPlan apply(LogicalPlan plan) {
      check();
      return plan;
    }
  }

  private static final class Stages extends Rule<SparkPlan> {
    @Override
    public SparkPlan apply(SparkPlan plan) {
      check();
      return plan;
    }
  }

  /** The same for every session. */
  static final class Each<T> extends AbstractFunction1<SparkSession, T> {
    private final T value;

    Each(T value) {
      this.value = value;
    }

    @Override
    public T apply(SparkSession session) {
      return value;
    }
  }
}
