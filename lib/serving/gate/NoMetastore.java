package lakehouse.gate;

import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hive.metastore.api.Database;
import org.apache.hadoop.hive.ql.metadata.AuthorizationException;
import org.apache.hadoop.hive.ql.metadata.Partition;
import org.apache.hadoop.hive.ql.metadata.Table;
import org.apache.hadoop.hive.ql.security.authorization.HiveAuthorizationProviderBase;
import org.apache.hadoop.hive.ql.security.authorization.Privilege;

/**
 * Hive calls its authorisation before it lists tables. All of Hive's own implementations open a metastore for that, and
 * there is none here. This one opens nothing, and would refuse every action of Hive itself.
 */
public final class NoMetastore extends HiveAuthorizationProviderBase {
  @Override
  public void init(Configuration configuration) {}

  @Override
  public void authorize(Privilege[] reads, Privilege[] writes) throws AuthorizationException {
    throw refused();
  }

  @Override
  public void authorize(Database database, Privilege[] reads, Privilege[] writes) throws AuthorizationException {
    throw refused();
  }

  @Override
  public void authorize(Table table, Privilege[] reads, Privilege[] writes) throws AuthorizationException {
    throw refused();
  }

  @Override
  public void authorize(Partition part, Privilege[] reads, Privilege[] writes) throws AuthorizationException {
    throw refused();
  }

  @Override
  public void authorize(Table table, Partition part, List<String> columns, Privilege[] reads, Privilege[] writes)
      throws AuthorizationException {
    throw refused();
  }

  private static AuthorizationException refused() {
    return new AuthorizationException("Refused: Hive's own work is not allowed here.");
  }
}
