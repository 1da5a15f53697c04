package lakehouse.gate;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.apache.spark.sql.catalyst.analysis.UnresolvedAlias;
import org.apache.spark.sql.catalyst.analysis.UnresolvedAttribute;
import org.apache.spark.sql.catalyst.analysis.UnresolvedFunction;
import org.apache.spark.sql.catalyst.analysis.UnresolvedInlineTable;
import org.apache.spark.sql.catalyst.analysis.UnresolvedRelation;
import org.apache.spark.sql.catalyst.expressions.Alias;
import org.apache.spark.sql.catalyst.expressions.Concat;
import org.apache.spark.sql.catalyst.expressions.Cube;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.GroupingSets;
import org.apache.spark.sql.catalyst.expressions.Literal;
import org.apache.spark.sql.catalyst.expressions.MultiLikeBase;
import org.apache.spark.sql.catalyst.expressions.NamedExpression;
import org.apache.spark.sql.catalyst.expressions.PlanExpression;
import org.apache.spark.sql.catalyst.expressions.Rollup;
import org.apache.spark.sql.catalyst.plans.logical.Aggregate;
import org.apache.spark.sql.catalyst.plans.logical.Except;
import org.apache.spark.sql.catalyst.plans.logical.Intersect;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.plans.logical.Project;
import org.apache.spark.sql.catalyst.plans.logical.Union;
import org.apache.spark.sql.catalyst.analysis.UnresolvedSubqueryColumnAliases;
import org.apache.spark.sql.catalyst.plans.logical.UnresolvedWith;
import org.apache.spark.sql.catalyst.plans.logical.SubqueryAlias;
import org.apache.spark.unsafe.types.UTF8String;
import scala.Option;
import scala.Product;
import scala.Tuple3;
import scala.collection.Iterator;
import scala.runtime.AbstractFunction1;

/**
 * The size of a statement once its names are replaced by their definitions: common tables by their queries, columns by
 * their expressions. Ten lines can grow to a thousand million. The counts here are never smaller than the plan that
 * Spark must process, and include the longest text that a row can hold.
 */
final class Growth {
  private static final double NODES = 50_000;
  private static final double RELATIONS = 60;
  private static final double GROUPINGS = 128;
  private static final double LETTERS = 1_000_000;
  private static final double COLUMN = 1_000; // letters in a value of a mart; real values have fewer
  private static final String TOO_LARGE = "a statement that grows so large once its names are replaced";
  private static final Set<String> EARLY = Set.of("GlobalLimit", "LocalLimit", "Offset", "Pivot");
  private static final Size ONE = new Size(1, COLUMN);

  /** Nodes of a tree, and letters of its value. */
  private record Size(double nodes, double letters) {
    Size max(Size other) {
      return new Size(Math.max(nodes, other.nodes), Math.max(letters, other.letters));
    }

    Size plus(Size other) {
      return new Size(nodes + other.nodes, Math.max(letters, other.letters));
    }
  }

  /** The size of a query and of each of its columns; `other` is any column that it does not name. */
  private record Query(double nodes, double relations, Map<String, Size> columns, Size other) {
    static final Query NONE = new Query(1, 0, Map.of(), new Size(1, 0));

    Size largest() {
      return columns.values().stream().reduce(other, Size::max);
    }

    Query beside(Query next) {
      Map<String, Size> all = new HashMap<>(columns);
      next.columns.forEach((name, size) -> all.merge(name, size, Size::max));
      return new Query(nodes + next.nodes, relations + next.relations, all, other.max(next.other));
    }

    Query with(Map<String, Size> named, Size rest) {
      return new Query(nodes, relations, named, rest);
    }

    Query larger(double by) {
      return new Query(nodes + by, relations, columns, other);
    }
  }

  private final Map<String, Query> commons;
  private final Growth outside;
  private Query input = Query.NONE;

  private Growth(Map<String, Query> commons, Growth outside) {
    this.commons = commons;
    this.outside = outside;
  }

  /** Throws {@link Refused} if the statement becomes too large. */
  static void check(LogicalPlan plan) {
    bounded(new Growth(Map.of(), null).query(plan));
  }

  private static Query bounded(Query query) {
    Text.atMost(NODES, query.nodes, TOO_LARGE);
    Text.atMost(RELATIONS, query.relations, "a statement that reads more than " + (int) RELATIONS + " times from tables");
    bounded(query.largest());
    return query;
  }

  private static Size bounded(Size size) {
    Text.atMost(NODES, size.nodes, TOO_LARGE);
    Text.atMost(LETTERS, size.letters, "a text that can grow beyond " + (int) LETTERS + " characters");
    return size;
  }

  private Query query(LogicalPlan plan) {
    if (plan instanceof UnresolvedRelation relation) {
      return relation(relation);
    } else if (plan instanceof UnresolvedWith with) {
      return with(with);
    }
    refuseEarlyPatterns(plan);
    Query below = below(plan);
    Growth here = new Growth(commons, outside);
    here.input = below;
    if (plan instanceof Project project) {
      return bounded(here.selected(project.projectList(), false));
    } else if (plan instanceof Aggregate aggregate) {
      Text.atMost(GROUPINGS, here.groupings(aggregate.groupingExpressions()), "so many groupings at once");
      Size keys = here.parts(aggregate.groupingExpressions());
      return bounded(here.selected(aggregate.aggregateExpressions(), true).larger(keys.nodes));
    } else if (renames(plan)) {
      return below.larger(1).with(Map.of(), below.largest());
    } else if (plan instanceof SubqueryAlias) {
      return below.larger(1);
    }
    Size own = here.parts(plan);
    return bounded(below.larger(1 + own.nodes).with(below.columns, below.other.max(new Size(1, own.letters))));
  }

  /** Whether columns lose their names: they are matched by position, and the first query's names hold for all. */
  private static boolean renames(LogicalPlan plan) {
    return plan instanceof Union
        || plan instanceof Except
        || plan instanceof Intersect
        || plan instanceof UnresolvedSubqueryColumnAliases;
  }

  /** Spark evaluates these during analysis, when {@link Matching} has not replaced its own patterns yet. */
  private static void refuseEarlyPatterns(LogicalPlan plan) {
    if (plan instanceof UnresolvedInlineTable || EARLY.contains(plan.getClass().getSimpleName())) {
      boolean found = plan.expressions().exists(new AbstractFunction1<>() {
        @Override
        public Object apply(Expression expression) {
          return expression.exists(new Patterns());
        }
      });
      if (found) {
        throw new Refused("a pattern where a constant belongs", null);
      }
    }
  }

  private static final class Patterns extends AbstractFunction1<Expression, Object> {
    @Override
    public Object apply(Expression expression) {
      return expression.getClass().getSimpleName().endsWith("Like") || expression instanceof MultiLikeBase;
    }
  }

  private Query below(LogicalPlan plan) {
    Query all = null;
    for (Iterator<LogicalPlan> children = plan.children().iterator(); children.hasNext(); ) {
      Query next = query(children.next());
      all = all == null ? next : all.beside(next);
    }
    return all == null ? Query.NONE : all;
  }

  private Query relation(UnresolvedRelation relation) {
    String name = relation.multipartIdentifier().last().toLowerCase(Locale.ROOT);
    Query common = relation.multipartIdentifier().size() == 1 ? commons.get(name) : null;
    return common == null ? new Query(1, 1, Map.of(), ONE) : common;
  }

  private Query with(UnresolvedWith with) {
    Map<String, Query> known = new HashMap<>(commons);
    for (Iterator<Tuple3<String, SubqueryAlias, Option<Object>>> all = with.cteRelations().iterator(); all.hasNext(); ) {
      Tuple3<String, SubqueryAlias, Option<Object>> common = all.next();
      known.put(common._1().toLowerCase(Locale.ROOT), new Growth(known, outside).query(common._2()));
    }
    return new Growth(known, outside).query(with.child());
  }

  /** The columns of a select list; each may use earlier ones by name. */
  private Query selected(scala.collection.immutable.Seq<NamedExpression> list, boolean grouped) {
    Query from = input;
    Map<String, Size> named = new HashMap<>();
    Size rest = new Size(1, 0);
    double nodes = 1;
    for (Iterator<NamedExpression> all = list.iterator(); all.hasNext(); ) {
      NamedExpression column = all.next();
      Size size = bounded(part(column));
      nodes += size.nodes;
      Size kept = grouped ? new Size(1, size.letters) : size;
      String name = name(column);
      if (name == null) {
        rest = rest.max(kept).max(from.largest());
      } else {
        named.merge(name, kept, Size::max);
        input = input.beside(Query.NONE.with(Map.of(name, kept), Query.NONE.other));
      }
    }
    return from.larger(nodes).with(named, rest);
  }

  private static String name(NamedExpression column) {
    if (column instanceof Alias alias) {
      return alias.name().toLowerCase(Locale.ROOT);
    } else if (column instanceof UnresolvedAttribute attribute) {
      return attribute.nameParts().last().toLowerCase(Locale.ROOT);
    } else if (column instanceof UnresolvedAlias alias && alias.child() instanceof UnresolvedAttribute attribute) {
      return attribute.nameParts().last().toLowerCase(Locale.ROOT);
    }
    return null;
  }

  private Size column(UnresolvedAttribute attribute) {
    Size size = null;
    for (Iterator<String> parts = attribute.nameParts().iterator(); parts.hasNext(); ) {
      Size found = input.columns.get(parts.next().toLowerCase(Locale.ROOT));
      size = found == null ? size : size == null ? found : size.max(found);
    }
    if (size == null) {
      size = outside == null ? input.other : input.other.max(outside.column(attribute));
    }
    return size;
  }

  /** An expression, or whatever holds some. */
  private Size part(Object part) {
    if (part instanceof UnresolvedAttribute attribute) {
      return column(attribute);
    } else if (part instanceof Literal literal) {
      return new Size(1, literal.value() instanceof UTF8String text ? text.numChars() : 40);
    } else if (part instanceof PlanExpression<?> subquery) {
      Query query = new Growth(commons, this).query((LogicalPlan) subquery.plan());
      return new Size(query.nodes + parts(subquery.children()).nodes, query.largest().letters);
    } else if (part instanceof Expression expression) {
      return bounded(letters(expression, parts(expression)));
    } else if (part instanceof scala.collection.Iterable<?> || part instanceof Option<?>) {
      return parts(part);
    } else if (part instanceof Product several && several.getClass().getName().startsWith("scala.Tuple")) {
      return parts(part);
    }
    return new Size(0, 0);
  }

  private Size parts(Object whole) {
    Size sum = new Size(whole instanceof Expression ? 1 : 0, 0);
    for (Object part : list(whole)) {
      sum = sum.plus(part instanceof LogicalPlan ? new Size(0, 0) : part(part));
    }
    return sum;
  }

  private static List<Object> list(Object whole) {
    List<Object> parts = new ArrayList<>();
    Iterator<?> all =
        whole instanceof scala.collection.Iterable<?> several ? several.iterator()
            : whole instanceof Option<?> perhaps ? perhaps.iterator()
            : ((Product) whole).productIterator();
    while (all.hasNext()) {
      parts.add(all.next());
    }
    return parts;
  }

  private Size letters(Expression expression, Size size) {
    List<Object> arguments =
        expression instanceof UnresolvedFunction function ? list(function.arguments()) : list(expression.children());
    String name =
        expression instanceof UnresolvedFunction function ? function.nameParts().last().toLowerCase(Locale.ROOT)
            : expression instanceof Concat ? "concat"
            : "";
    double letters =
        switch (name) {
          case "concat", "concat_ws" -> sum(name, arguments);
          case "replace", "translate" -> size.letters * Math.max(1, letters(arguments, 2));
          case "lpad", "rpad", "space" -> Math.max(size.letters, number(arguments, name.equals("space") ? 0 : 1));
          case "repeat" -> letters(arguments, 0) * number(arguments, 1);
          case "hex", "conv", "bin" -> 64 + 2 * size.letters;
          case "format_number", "to_char", "date_format" -> 100 + size.letters + number(arguments, 1);
          case "approx_count_distinct" -> arguments.size() > 1 ? Double.POSITIVE_INFINITY : size.letters; // memory
          case "round", "bround", "ceil", "ceiling", "floor" -> size.letters + Math.abs(number(arguments, 1));
          default -> size.letters;
        };
    return new Size(size.nodes, letters);
  }

  private double sum(String name, List<Object> arguments) {
    double between = name.equals("concat_ws") && !arguments.isEmpty() ? letters(arguments, 0) : 0;
    return arguments.stream().mapToDouble(argument -> part(argument).letters + between).sum();
  }

  private double letters(List<Object> arguments, int at) {
    return at < arguments.size() ? part(arguments.get(at)).letters : 0;
  }

  /** A number that sets the size of a result must be a literal: the value of a column is not known here. */
  private static double number(List<Object> arguments, int at) {
    if (at >= arguments.size()) {
      return 0;
    }
    if (arguments.get(at) instanceof Literal literal) {
      return literal.value() instanceof Number number ? number.doubleValue() : 0;
    }
    return arguments.get(at) instanceof org.apache.spark.sql.catalyst.expressions.UnaryMinus minus
        ? Math.abs(number(list(minus.children()), 0))
        : Double.POSITIVE_INFINITY;
  }

  private double groupings(scala.collection.immutable.Seq<Expression> keys) {
    double product = 1;
    for (Iterator<Expression> all = keys.iterator(); all.hasNext(); ) {
      product *= groupings(all.next());
    }
    return product;
  }

  private static double groupings(Expression key) {
    if (key instanceof Cube cube) {
      return Math.pow(2, cube.groupingSets().size());
    } else if (key instanceof Rollup rollup) {
      return rollup.groupingSets().size() + 1;
    } else if (key instanceof GroupingSets sets) {
      return sets.groupingSetIndexes().size();
    }
    return 1;
  }
}
