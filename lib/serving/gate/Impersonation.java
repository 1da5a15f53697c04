package lakehouse.gate;

import java.net.InetAddress;
import org.apache.hadoop.conf.Configured;
import org.apache.hadoop.security.UserGroupInformation;
import org.apache.hadoop.security.authorize.AuthorizationException;
import org.apache.hadoop.security.authorize.ImpersonationProvider;

/** Only the service account may act for another user (hive.server2.proxy.user), and only for a known user. */
public final class Impersonation extends Configured implements ImpersonationProvider {
  @Override
  public void init(String prefix) {}

  @Override
  public void authorize(UserGroupInformation user, String address) throws AuthorizationException {
    authorize(user);
  }

  @Override
  public void authorize(UserGroupInformation user, InetAddress address) throws AuthorizationException {
    authorize(user);
  }

  private static void authorize(UserGroupInformation user) throws AuthorizationException {
    UserGroupInformation real = user.getRealUser();
    Accounts.Account asking = real == null ? null : Accounts.find(real.getUserName());
    Accounts.Account wanted = Accounts.find(user.getUserName());
    if (asking == null || !asking.isService() || wanted == null || wanted.isService()) {
      Journal.line("refused to act for another user=" + (asking == null ? "unknown" : asking.name()));
      throw new AuthorizationException("Refused: to act for another user is not allowed here.");
    }
  }
}
