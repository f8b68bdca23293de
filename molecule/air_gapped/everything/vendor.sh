#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# Publishes a version of the vendor's rpm package, signed, in a signed repository: vendor.sh VERSION
set -euo pipefail
version=$1
top=/srv/everything
export GNUPGHOME=$top/gnupg
[ -d "$GNUPGHOME" ] || {
  install -d -m 0700 "$GNUPGHOME"
  gpg --batch --quiet --passphrase '' --quick-generate-key 'Vendor <vendor@example.org>' rsa3072 sign never
  gpg --batch --armor --export vendor@example.org > $top/vendor.asc
}
mkdir -p $top/build/SPECS $top/yum/Packages
cat > $top/build/SPECS/field-notes.spec << SPEC
Name: field-notes
Version: $version
Release: 1
Summary: Notes from the field
License: MIT
BuildArch: noarch
%description
Notes from the field.
%install
mkdir -p %{buildroot}/usr/share/field-notes
echo $version > %{buildroot}/usr/share/field-notes/version
%files
/usr/share/field-notes
SPEC
rpmbuild --quiet -bb --define "_topdir $top/build" --define '_build_id_links none' $top/build/SPECS/field-notes.spec
cp $top/build/RPMS/noarch/field-notes-"$version"-1.noarch.rpm $top/yum/Packages/
rpmsign --define '_gpg_name vendor@example.org' --define "_gpg_path $GNUPGHOME" --define "__gpg $(command -v gpg)" \
  --addsign $top/yum/Packages/field-notes-"$version"-1.noarch.rpm > /dev/null
createrepo_c --quiet --no-database --general-compress-type gz $top/yum
gpg --batch --yes --local-user vendor@example.org --armor --detach-sign --output $top/yum/repodata/repomd.xml.asc $top/yum/repodata/repomd.xml
