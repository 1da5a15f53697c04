package lakehouse.gate;

import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.CurrentUserContext;
import org.apache.spark.sql.catalyst.FunctionIdentifier;
import org.apache.spark.sql.catalyst.TableIdentifier;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.parser.ParameterContext;
import org.apache.spark.sql.catalyst.parser.ParseException;
import org.apache.spark.sql.catalyst.parser.ParserInterface;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;
import scala.collection.immutable.Seq;

/** Parses like Spark, then lets a statement pass only if all its parts are on the {@link AllowList}. */
final class GuardedParser implements ParserInterface {
  private final SparkSession session;
  private final ParserInterface parser;

  GuardedParser(SparkSession session, ParserInterface parser) {
    this.session = session;
    this.parser = parser;
  }

  @Override
  public LogicalPlan parsePlan(String text) throws ParseException {
    return judged(text, () -> parser.parsePlan(text));
  }

  @Override
  public LogicalPlan parsePlanWithParameters(String text, ParameterContext parameters) throws ParseException {
    return judged(text, () -> parser.parsePlanWithParameters(text, parameters));
  }

  private LogicalPlan judged(String text, Parse parse) throws ParseException {
    if (!Gate.guards(session)) {
      return parse.plan();
    }
    Gate.pin();
    Deadline.begin();
    try {
      Text.check(text);
      if (text.contains("${")) { // Spark would insert variables of the process
        throw new Refused("a variable", "${", "In a text, write $\\{ instead.");
      }
      LogicalPlan plan = parse.plan();
      new AllowList().check(plan);
      Growth.check(plan);
      Deadline.check();
      return plan;
    } catch (StackOverflowError deep) {
      throw logged(Refused.costly("a statement nested too deeply"), text);
    } catch (Refused refused) {
      throw logged(refused, text);
    }
  }

  /** The parser's own work, done once the text alone has passed. */
  private interface Parse {
    LogicalPlan plan() throws ParseException;
  }

  private static Refused logged(Refused refused, String text) {
    Journal.refused(refused.kind, text);
    if (refused.costly) {
      Turns.wasCostly(CurrentUserContext.CURRENT_USER().get());
    }
    return refused;
  }

  /** Not for clients: Spark itself parses the text of a view with it. */
  @Override
  public LogicalPlan parseQuery(String text) throws ParseException {
    return parser.parseQuery(Gate.body(text));
  }

  @Override
  public Expression parseExpression(String text) throws ParseException {
    return parser.parseExpression(text);
  }

  @Override
  public TableIdentifier parseTableIdentifier(String text) throws ParseException {
    return parser.parseTableIdentifier(text);
  }

  @Override
  public FunctionIdentifier parseFunctionIdentifier(String text) throws ParseException {
    return parser.parseFunctionIdentifier(text);
  }

  @Override
  public Seq<String> parseMultipartIdentifier(String text) throws ParseException {
    return parser.parseMultipartIdentifier(text);
  }

  @Override
  public StructType parseTableSchema(String text) throws ParseException {
    return parser.parseTableSchema(text);
  }

  @Override
  public DataType parseDataType(String text) throws ParseException {
    return parser.parseDataType(text);
  }

  @Override
  public StructType parseRoutineParam(String text) throws ParseException {
    return parser.parseRoutineParam(text);
  }
}
