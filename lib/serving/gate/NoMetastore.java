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
 * Hive asks its authorisation for itself before a list of tables is given, and every one of its own opens a metastore
 * for that, of which there is none here. This one opens nothing, and would refuse whatever Hive itself were to do.
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
