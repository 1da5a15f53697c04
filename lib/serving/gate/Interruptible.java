package lakehouse.gate;

import java.io.Serializable;
import org.apache.spark.InterruptibleIterator;
import org.apache.spark.TaskContext;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.SortOrder;
import org.apache.spark.sql.catalyst.plans.physical.Partitioning;
import org.apache.spark.sql.catalyst.rules.Rule;
import org.apache.spark.sql.execution.ColumnarRule;
import org.apache.spark.sql.execution.SparkPlan;
import scala.collection.Iterator;
import scala.collection.immutable.IndexedSeq;
import scala.collection.immutable.Seq;
import scala.reflect.ClassTag$;
import scala.runtime.AbstractFunction1;

/**
 * The rows of a join, until its statement is cancelled. Spark checks for a cancelled task only where it reads files or
 * shuffles: a join of joins would go on for hours after its statement's time is over.
 */
final class Interruptible extends SparkPlan {
  private static final long serialVersionUID = 1L;

  private final SparkPlan join;

  private Interruptible(SparkPlan join) {
    this.join = join;
  }

  /** Puts this node above every join of a plan. */
  static final class Joins extends ColumnarRule {
    @Override
    public Rule<SparkPlan> postColumnarTransitions() {
      return new Rule<SparkPlan>() {
        @Override
        public SparkPlan apply(SparkPlan plan) {
          return guarded(plan);
        }
      };
    }
  }

  private static SparkPlan guarded(SparkPlan plan) {
    SparkPlan renewed =
        (SparkPlan)
            plan.mapChildren(
                new AbstractFunction1<SparkPlan, SparkPlan>() {
                  @Override
                  public SparkPlan apply(SparkPlan child) {
                    return guarded(child);
                  }
                });
    boolean joins = plan.getClass().getPackageName().endsWith(".joins");
    return joins ? new Interruptible(renewed) : renewed;
  }

  @Override
  public RDD<InternalRow> doExecute() {
    return join.execute().mapPartitions(new Watched(), true, ClassTag$.MODULE$.apply(InternalRow.class));
  }

  private static final class Watched extends AbstractFunction1<Iterator<InternalRow>, Iterator<InternalRow>>
      implements Serializable {
    private static final long serialVersionUID = 1L;

    @Override
    public Iterator<InternalRow> apply(Iterator<InternalRow> rows) {
      return new InterruptibleIterator<>(TaskContext.get(), rows);
    }
  }

  @Override
  public Seq<Attribute> output() {
    return join.output();
  }

  @Override
  public Partitioning outputPartitioning() {
    return join.outputPartitioning();
  }

  @Override
  public Seq<SortOrder> outputOrdering() {
    return join.outputOrdering();
  }

  @Override
  @SuppressWarnings("unchecked")
  public Seq<SparkPlan> children() {
    return (Seq<SparkPlan>) (Seq<?>) scala.collection.immutable.List$.MODULE$.empty().$colon$colon(join);
  }

  @Override
  public SparkPlan withNewChildrenInternal(IndexedSeq<SparkPlan> children) {
    return new Interruptible(children.head());
  }

  @Override
  public int productArity() {
    return 1;
  }

  @Override
  public Object productElement(int at) {
    return join;
  }

  @Override
  public boolean canEqual(Object other) {
    return other instanceof Interruptible;
  }
}
