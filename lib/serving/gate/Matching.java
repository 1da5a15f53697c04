package lakehouse.gate;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BinaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.And;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.ILike;
import org.apache.spark.sql.catalyst.expressions.Like;
import org.apache.spark.sql.catalyst.expressions.LikeAll;
import org.apache.spark.sql.catalyst.expressions.LikeAny;
import org.apache.spark.sql.catalyst.expressions.Literal;
import org.apache.spark.sql.catalyst.expressions.Lower;
import org.apache.spark.sql.catalyst.expressions.Not;
import org.apache.spark.sql.catalyst.expressions.NotLikeAll;
import org.apache.spark.sql.catalyst.expressions.NotLikeAny;
import org.apache.spark.sql.catalyst.expressions.Or;
import org.apache.spark.sql.catalyst.expressions.RLike;
import org.apache.spark.sql.catalyst.expressions.codegen.CodegenContext;
import org.apache.spark.sql.catalyst.expressions.codegen.CodegenFallback;
import org.apache.spark.sql.catalyst.expressions.codegen.ExprCode;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.rules.Rule;
import org.apache.spark.sql.catalyst.util.StringUtils;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.unsafe.types.UTF8String;
import scala.collection.immutable.IndexedSeq;
import scala.collection.immutable.Seq;
import scala.runtime.AbstractPartialFunction;

/**
 * LIKE and RLIKE that end with their statement. Spark uses Java's regular expressions for both. For a pattern like
 * '%a%a%a%b' these go back and forth for a long time and do not check for interrupts. This class checks regularly,
 * after some number of letters, whether its thread has been interrupted.
 */
final class Matching extends Expression implements CodegenFallback, Serializable {
  private static final long serialVersionUID = 1L;
  private static final char ESCAPE = '\\';

  private final Expression text;
  private final Expression pattern;
  private final Character escape; // null: the pattern is a regular expression and may match anywhere in the text
  private transient String compiledFrom;
  private transient Pattern compiled;

  private Matching(Expression text, Expression pattern, Character escape) {
    this.text = text;
    this.pattern = pattern;
    this.escape = escape;
  }

  /** Replaces Spark's own patterns in an analysed plan, before any of them is evaluated. */
  static final class Replaced extends Rule<LogicalPlan> {
    @Override
    public LogicalPlan apply(LogicalPlan plan) {
      return (LogicalPlan) plan.transformAllExpressionsWithSubqueries(new Each());
    }
  }

  private static final class Each extends AbstractPartialFunction<Expression, Expression> {
    @Override
    public boolean isDefinedAt(Expression expression) {
      return replaced(expression) != expression;
    }

    @Override
    public Expression apply(Expression expression) {
      return replaced(expression);
    }
  }

  private static Expression replaced(Expression e) {
    if (e instanceof ILike like) {
      return new Matching(new Lower(like.left()), new Lower(like.right()), like.escapeChar());
    } else if (e instanceof Like like) {
      return isSimple(like) ? like : new Matching(like.left(), like.right(), like.escapeChar());
    } else if (e instanceof RLike like) {
      return new Matching(like.left(), like.right(), null);
    } else if (e instanceof LikeAll all) {
      return each(all.child(), all.patterns(), false, And::new);
    } else if (e instanceof NotLikeAll all) {
      return each(all.child(), all.patterns(), true, And::new);
    } else if (e instanceof LikeAny any) {
      return each(any.child(), any.patterns(), false, Or::new);
    } else if (e instanceof NotLikeAny any) {
      return each(any.child(), any.patterns(), true, Or::new);
    }
    return e;
  }

  /** Patterns that Spark's optimiser turns into plain comparisons: `x`, `x%`, `%x`, `%x%`. */
  private static boolean isSimple(Like like) {
    return like.right() instanceof Literal literal
        && literal.value() instanceof UTF8String pattern
        && pattern.toString().indexOf(like.escapeChar()) < 0
        && pattern.toString().matches("(?s)[^%_]++%?|%[^%_]++%?");
  }

  private static Expression each(
      Expression text, Seq<UTF8String> patterns, boolean negated, BinaryOperator<Expression> join) {
    List<Expression> parts = new ArrayList<>();
    for (int at = 0; at < patterns.size(); at++) {
      UTF8String pattern = patterns.apply(at);
      Expression like = new Matching(text, new Literal(pattern, DataTypes.StringType), ESCAPE);
      parts.add(negated ? new Not(like) : like);
    }
    return parts.stream().reduce(join).orElseThrow();
  }

  @Override
  public Object eval(InternalRow row) {
    Object value = text.eval(row);
    Object wanted = value == null ? null : pattern.eval(row);
    return wanted == null ? null : matches(wanted.toString(), value.toString());
  }

  private boolean matches(String wanted, String value) {
    try {
      Matcher matcher = compiled(wanted).matcher(new Watched(value));
      return escape == null ? matcher.find() : matcher.matches();
    } catch (PatternSyntaxException wrong) {
      throw new Refused("a pattern that cannot be read", null);
    } catch (StackOverflowError deep) { // otherwise it would end the whole process
      throw new Refused("a pattern that goes so deep", null);
    }
  }

  private Pattern compiled(String wanted) {
    if (!wanted.equals(compiledFrom)) {
      compiled = Pattern.compile(escape == null ? wanted : StringUtils.escapeLikeRegex(wanted, escape));
      compiledFrom = wanted;
    }
    return compiled;
  }

  @Override
  public ExprCode doGenCode(CodegenContext context, ExprCode code) {
    return CodegenFallback.super.doGenCode(context, code);
  }

  @Override
  public boolean nullable() {
    return text.nullable() || pattern.nullable();
  }

  @Override
  public DataType dataType() {
    return DataTypes.BooleanType;
  }

  @Override
  @SuppressWarnings("unchecked")
  public Seq<Expression> children() {
    return (Seq<Expression>)
        (Seq<?>) scala.collection.immutable.List$.MODULE$.empty().$colon$colon(pattern).$colon$colon(text);
  }

  @Override
  public Expression withNewChildrenInternal(IndexedSeq<Expression> children) {
    return new Matching(children.apply(0), children.apply(1), escape);
  }

  @Override
  public int productArity() {
    return 3;
  }

  @Override
  public Object productElement(int at) {
    return at == 0 ? text : at == 1 ? pattern : escape;
  }

  @Override
  public boolean canEqual(Object other) {
    return other instanceof Matching;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Matching matching
        && text.equals(matching.text)
        && pattern.equals(matching.pattern)
        && java.util.Objects.equals(escape, matching.escape);
  }

  @Override
  public int hashCode() {
    return java.util.Objects.hash(text, pattern, escape);
  }

  private record Watched(CharSequence text, int[] looked) implements CharSequence {
    private static final int EVERY = 4096;

    Watched(CharSequence text) {
      this(text, new int[1]);
    }

    @Override
    public char charAt(int at) {
      if (++looked[0] % EVERY == 0) {
        Deadline.check();
        if (Thread.currentThread().isInterrupted()) {
          throw new Refused("a pattern that takes so long", null);
        }
      }
      return text.charAt(at);
    }

    @Override
    public int length() {
      return text.length();
    }

    @Override
    public CharSequence subSequence(int from, int to) {
      return new Watched(text.subSequence(from, to), looked);
    }

    @Override
    public String toString() {
      return text.toString();
    }
  }
}
