package lakehouse.gate;

import java.util.Map;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.SparkSessionExtensions;
import org.apache.spark.sql.catalyst.parser.ParserInterface;
import org.apache.spark.sql.execution.ColumnarRule;
import scala.runtime.AbstractFunction1;
import scala.runtime.AbstractFunction2;
import scala.runtime.BoxedUnit;

/**
 * Puts {@link GuardedParser} before every statement of every session, named in spark.sql.extensions.
 *
 * <p>It depends only on static fields, which the launcher sets inside this process: a client cannot send them as
 * settings. Without them every session is guarded and every view is empty.
 */
public final class Gate extends AbstractFunction1<SparkSessionExtensions, BoxedUnit> {
  /** The one session that is not guarded: the launcher's own. Clients' sessions are new ones. */
  private static volatile SparkSession own;

  /** The bodies of the views: by the text stored in the catalogue, the query to run instead. */
  private static volatile Map<String, String> bodies = Map.of();

  /** The bodies for the statement of this thread, so that all its views are of one publication. */
  private static final ThreadLocal<Map<String, String>> PINNED = new ThreadLocal<>();

  @Override
  public BoxedUnit apply(SparkSessionExtensions extensions) {
    extensions.injectParser(
        new AbstractFunction2<SparkSession, ParserInterface, ParserInterface>() {
          @Override
          public ParserInterface apply(SparkSession session, ParserInterface parser) {
            return new GuardedParser(session, parser);
          }
        });
    extensions.injectColumnar(
        new AbstractFunction1<SparkSession, ColumnarRule>() {
          @Override
          public ColumnarRule apply(SparkSession session) {
            return new Interruptible.Joins();
          }
        });
    extensions.injectPlanNormalizationRule(new Deadline.Each<>(new Matching.Replaced()));
    Deadline.inject(extensions);
    return BoxedUnit.UNIT;
  }

  public static void trust(SparkSession session) {
    own = session;
  }

  static boolean guards(SparkSession session) {
    return session != own;
  }

  /** Let every new statement read these bodies; running statements keep theirs. */
  public static void serve(Map<String, String> texts) {
    bodies = Map.copyOf(texts);
  }

  static void pin() {
    PINNED.set(bodies);
  }

  static String body(String text) {
    Map<String, String> pinned = PINNED.get();
    return (pinned == null ? bodies : pinned).getOrDefault(text, text);
  }
}
